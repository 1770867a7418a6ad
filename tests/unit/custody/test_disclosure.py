"""An organization that sets `policy.disclose = false` shows nothing of its decisions; its bills verify all the same."""

from collections.abc import Iterator

import pytest

from engine.custody.account import verify_bill
from engine.errors import UsageError
from tests.integration.simulator import ACME, BOREALIS
from tests.unit.custody.handed import Handed, packed, sent, set_policy


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    """A handoff in which neither side discloses anything."""
    two, root = packed(tmp_path_factory.mktemp("silent"))
    for side in (two.acme, two.borealis):
        set_policy(side, "disclose = false")
    made = sent(two, root)
    yield made
    two.close()


def test_no_annex_is_written_in_the_clear(silent: Handed) -> None:
    for side in (silent.two.acme, silent.two.borealis):
        with pytest.raises(UsageError, match=r"policy\.disclose") as refused:
            silent.made(side, annex="clear")
        assert "--annex-for" in refused.value.remedy


def test_its_bills_verify_without_replay_and_say_so(silent: Handed) -> None:
    for side in (silent.two.acme, silent.two.borealis):
        bill = silent.made(side)
        account = verify_bill(bill, silent.trust)

        assert (account.verdict, account.grade) == ("released", "bilateral")
        assert account.annexes == {ACME: "none", BOREALIS: "none"}
        assert {each.organization for each in account.decisions if each.cited} == {ACME, BOREALIS}
        assert {(each.decision, each.replay, each.id) for each in account.decisions} == {("permit", "withheld", None)}
        assert account.findings
        assert all(each["withheld"] for each in account.findings)
        assert b"send-own" not in bill
        assert b"receive-from-owner" not in bill


def test_an_auditor_it_names_replays_them_nevertheless(silent: Handed) -> None:
    bill = silent.made(annex_for=[str(silent.key.to_public())])

    theirs = verify_bill(bill, silent.trust, (silent.key,)).decisions
    others = verify_bill(bill, silent.trust).decisions

    assert {each.replay for each in theirs if each.organization == ACME} == {"repeated"}
    assert {each.replay for each in others} == {"withheld"}
