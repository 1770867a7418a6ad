"""The bill of a transfer that a second person let past its failed checks proves who did, and for which order."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.custody.account import verify_bill
from engine.errors import EvidenceError
from tests.integration.simulator import ACME
from tests.unit.custody.handed import Handed, decoded, hand_over_against_odds

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over_against_odds(tmp_path_factory.mktemp("handed"))
    yield made
    made.two.close()


@pytest.mark.parametrize("by", ["acme", "borealis"])
def test_a_genuine_one_verifies_whoever_made_it(handed: Handed, by: str) -> None:
    account = verify_bill(handed.made(getattr(handed.two, by)), handed.trust)

    said = {each.name: (each.signer, each.says) for each in account.statements}
    signer, says = said["break-glass"]
    assert (signer, said["approval"][0]) == (f"sec@{ACME}", f"abe@{ACME}")
    assert says.startswith("waives extra, 'the file is harmless', until ")
    assert any(f"sec@{ACME} of {ACME} signed the break-glass: waives extra" in each for each in account.proved)
    failed = [each for each in account.findings if not each["passed"]]
    assert {(each["organization"], each["stage"]) for each in failed} == {(ACME, "preflight")}


def test_with_an_annex_the_denial_before_it_and_the_permit_after_it_are_decided_again(handed: Handed) -> None:
    account = verify_bill(handed.made(annex="clear"), handed.trust)

    sends = [each for each in account.decisions if each.organization == ACME and each.action == "send"]
    assert [(each.decision, each.replay) for each in sends] == [("deny", "repeated"), ("permit", "repeated")]
    assert "deny-failed-preflight" in sends[0].because


def _unlogged(bill: dict[str, Any]) -> None:
    log = bill["logs"][ACME]
    log["entries"] = [
        each for each in log["entries"] if json.loads(decoded(each["leaf"]))["type"] != "breakglass.approved"
    ]


def _another(bill: dict[str, Any]) -> None:
    bill["signatures"]["break-glass"] = bill["signatures"]["approval"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_unlogged, f"the log of {ACME} does not show this break-glass"),
        (_another, "shown as urn:lading:break-glass:v1"),
    ],
)
def test_one_without_its_ticket_logged_or_with_another_statement_for_it_is_refused(
    handed: Handed, change: Change, said: str
) -> None:
    with pytest.raises(EvidenceError, match=said):
        verify_bill(handed.lie(change), handed.trust)
