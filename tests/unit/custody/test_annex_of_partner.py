"""A bill has the annex of each side, as far as each gives it, and says why where one does not."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyrage
import pytest

from engine.custody.account import verify_bill
from engine.custody.age import encrypt
from engine.database.gone import Gone
from engine.digest import canonical, sha256
from engine.errors import IntegrityError, PartnerUnreachable
from engine.wire.messages import AnnexMessage, AnnexRequest
from engine.wire.problem import ProblemError
from engine.workspace.custody.annex import BILL_ANNEX
from tests.integration.simulator import ACME, BOREALIS
from tests.unit.custody.handed import Handed, decoded, hand_over, hand_over_against_odds, set_policy


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    handed = hand_over(tmp_path_factory.mktemp("handed"))
    yield handed
    handed.two.close()


@pytest.fixture
def handed(made: Handed) -> Handed:
    """A handoff whose sides have asked each other for nothing yet, and give each other all."""
    for side in (made.two.acme, made.two.borealis):
        set_policy(side, 'annex = "partner"')
    made.two.acme.office.outgoing.forget(made.transfer, Gone(frozenset()), {BILL_ANNEX})
    made.two.borealis.office.incoming.forget(made.transfer, Gone(frozenset()), {BILL_ANNEX})
    made.two.link.before = lambda _: None
    return made


def annexes(handed: Handed, bill: bytes, *keys: pyrage.x25519.Identity) -> dict[str, str]:
    return dict(verify_bill(bill, handed.trust, keys).annexes)


@pytest.mark.parametrize("issuer", ["acme", "borealis"])
def test_where_both_sides_give_theirs_every_decision_of_both_is_made_again(handed: Handed, issuer: str) -> None:
    account = verify_bill(handed.made(getattr(handed.two, issuer), annex="clear"), handed.trust)

    assert account.annexes == {ACME: "opened", BOREALIS: "opened"}
    assert {(each.organization, each.replay) for each in account.decisions} == {
        (ACME, "repeated"),
        (BOREALIS, "repeated"),
    }
    assert any("receive-from-owner permits" in line for each in account.decisions for line in each.words)


def test_unless_it_says_otherwise_a_side_gives_nothing(handed: Handed) -> None:
    set_policy(handed.two.borealis, "mask = []")

    for wish in ({"annex": "clear"}, {"annex_for": [str(handed.key.to_public())]}):
        bill = handed.made(**wish)
        assert annexes(handed, bill, handed.key) == {
            ACME: "opened",
            BOREALIS: "absent: they were asked, and refused",
        }
        assert json.loads(bill)["bill"]["absent"] == {BOREALIS: "refused"}


def test_auditors_it_names_itself_read_it_and_nobody_else(handed: Handed) -> None:
    set_policy(handed.two.borealis, f'auditors = ["{handed.key.to_public()}"]', "disclose = false")
    other = pyrage.x25519.Identity.generate()
    ours, theirs = str(handed.key.to_public()), str(other.to_public())

    bill = handed.made(annex_for=[ours])

    assert annexes(handed, bill, handed.key) == {ACME: "opened", BOREALIS: "opened"}
    assert annexes(handed, bill) == {ACME: "sealed for others", BOREALIS: "sealed for others"}
    replayed = verify_bill(bill, handed.trust, (handed.key,)).decisions
    assert {each.replay for each in replayed} == {"repeated"}
    for wish in ({"annex_for": [ours, theirs]}, {"annex": "clear"}):
        assert annexes(handed, handed.made(**wish), handed.key)[BOREALIS] == "absent: they were asked, and refused"


def test_what_is_not_disclosed_is_in_no_annex_in_the_clear(handed: Handed) -> None:
    set_policy(handed.two.borealis, 'annex = "partner"', "disclose = false")

    assert annexes(handed, handed.made(annex="clear"))[BOREALIS] == "absent: they were asked, and refused"


def test_a_partner_is_shown_no_denial_by_an_annex_that_the_record_does_not_show(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    handed = hand_over_against_odds(tmp_path_factory.mktemp("odds"))
    try:
        set_policy(handed.two.acme, 'annex = "partner"')
        bill = json.loads(handed.made(handed.two.borealis, annex="clear"))
        opened = set(json.loads(decoded(bill["annexes"][ACME]))["openings"])
        entries = bill["bill"]["logs"][ACME]["entries"]
        shown = {str(each["index"]) for each in entries if each["opening"]}
        denied = {str(each["index"]) for each in entries if b'"decision.deny"' in decoded(each["leaf"])}

        assert denied
        assert not denied & opened
        assert opened == shown
    finally:
        handed.two.close()


def test_that_it_gave_its_annex_is_in_its_log_once_and_in_no_bill(handed: Handed) -> None:
    first = handed.made(annex="clear")
    asked = handed.two.link.asked.count("annex")
    again = handed.made(annex="clear")

    assert json.loads(first)["bill"] == json.loads(again)["bill"]
    assert handed.two.link.asked.count("annex") == asked  # what came is kept
    logged = handed.two.borealis.entries("bill.disclosed")
    named = json.loads(first)["bill"]["annexes"][BOREALIS]
    said = [((each.payload or {})["annex"], (each.payload or {})["encryption"]) for each in logged]
    assert said.count((named["plaintext"], "none")) == 1
    renewed = json.loads(handed.made(annex="clear", renew=True))["bill"]["logs"][BOREALIS]["entries"]
    assert not any(b'"bill.' in decoded(each["leaf"]) for each in renewed)


def test_a_partner_that_is_not_there_is_asked_again_the_next_time(handed: Handed) -> None:
    def gone(name: str) -> None:
        if name == "annex":
            raise PartnerUnreachable("nobody answers", remedy="Try again.")

    handed.two.link.before = gone
    assert annexes(handed, handed.made(annex="clear"))[BOREALIS] == "absent: they were asked, and did not answer"
    handed.two.link.before = lambda _: None

    assert annexes(handed, handed.made(annex="clear"))[BOREALIS] == "opened"


def test_a_gateway_of_before_is_said_to_know_none(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> AnnexMessage:
        raise ProblemError(404, "Not Found")

    monkeypatch.setattr(handed.two.borealis.handlers, "annex", unknown)

    assert annexes(handed, handed.made(annex="clear"))[BOREALIS] == "absent: their gateway knows no annexes"


def test_a_transfer_under_way_or_of_somebody_else_has_none(handed: Handed) -> None:
    handlers, asked = handed.two.borealis.handlers, AnnexRequest(size=1000, recipients=())
    row = handed.two.borealis.office.incoming.find(handed.transfer)
    assert row is not None
    table = handed.two.borealis.office.incoming

    with pytest.raises(ProblemError, match="404"):
        handlers.annex("cirrus.example", handed.transfer, asked)
    table.save(row, state="validating", step=row.step)
    with pytest.raises(ProblemError, match="409"):
        handlers.annex(ACME, handed.transfer, asked)
    table.save(row, state=row.state, step=row.step)
    assert handlers.annex(ACME, handed.transfer, asked).organization == BOREALIS


def test_a_partner_that_asks_over_and_over_does_not_fill_the_log(
    handed: Handed, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = handed.two.borealis.handlers
    monkeypatch.setattr("engine.workspace.custody.disclosing.MOST_DISCLOSED", 0)
    before = len(handed.two.borealis.entries("bill.disclosed"))

    with pytest.raises(ProblemError, match="were given before"):
        handlers.annex(ACME, handed.transfer, AnnexRequest(size=3, recipients=()))

    assert len(handed.two.borealis.entries("bill.disclosed")) == before


Lie = Callable[[dict[str, Any]], None]


def _annex(change: Lie) -> Callable[[AnnexMessage], AnnexMessage]:
    """Change what an annex in the clear says, and its digest with it."""

    def altered(answer: AnnexMessage) -> AnnexMessage:
        annex = json.loads(base64.b64decode(answer.annex))
        change(annex)
        data = canonical(annex)
        return answer.model_copy(update={"annex": base64.b64encode(data).decode(), "plaintext": sha256(data)})

    return altered


def _replace(**values: str) -> Callable[[AnnexMessage], AnnexMessage]:
    return lambda answer: answer.model_copy(update=values)


def _more_policy(annex: dict[str, Any]) -> None:
    for files in annex["bundles"].values():
        files["always.cedar"] = "permit (principal, action, resource);"


def _bundle_of_no_decision(annex: dict[str, Any]) -> None:
    text = "permit (principal, action, resource);"
    listed = [{"path": "a.cedar", "sha256": sha256(text.encode())}]
    annex["bundles"][sha256(canonical(listed))] = {"a.cedar": text}


def _slice_of_no_decision(annex: dict[str, Any]) -> None:
    annex["slices"][sha256(b"[]")] = "[]"


def _another_salt(annex: dict[str, Any]) -> None:
    for each in annex["openings"].values():
        each["salt"] = base64.b64encode(bytes(32)).decode()


def _unproved(annex: dict[str, Any]) -> None:
    annex["openings"]["0"] = next(iter(annex["openings"].values()))


def _path_outside(annex: dict[str, Any]) -> None:
    for files in annex["bundles"].values():
        files["../outside.cedar"] = "permit (principal, action, resource);"


def _other_transfer(annex: dict[str, Any]) -> None:
    annex["transfer"] = "tr-" + "0" * 24


HOSTILE: dict[str, Callable[[AnnexMessage], AnnexMessage]] = {
    "somebody-elses": _replace(organization="cirrus.example"),
    "encrypted": _replace(encryption="age"),
    "another-digest": _replace(plaintext="0" * 64),
    "no-annex": _replace(annex=base64.b64encode(b"{}").decode(), plaintext=sha256(b"{}")),
    "another-policy": _annex(_more_policy),
    "policy-of-no-decision": _annex(_bundle_of_no_decision),
    "entities-of-no-decision": _annex(_slice_of_no_decision),
    "another-salt": _annex(_another_salt),
    "unproved-entry": _annex(_unproved),
    "path-outside": _annex(_path_outside),
    "another-transfer": _annex(_other_transfer),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_a_partner_sends_that_does_not_hold_is_left_out(
    handed: Handed, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    handlers, asked = handed.two.borealis.handlers, []
    honest = handlers.annex

    def hostile(peer: str, transfer: str, message: AnnexRequest) -> AnnexMessage:
        asked.append(transfer)
        return HOSTILE[kind](honest(peer, transfer, message))

    monkeypatch.setattr(handlers, "annex", hostile)

    assert annexes(handed, handed.made(annex="clear")) == {
        ACME: "opened",
        BOREALIS: "absent: what they sent does not hold",
    }
    assert asked == [handed.transfer]


@pytest.mark.parametrize("plaintext", [b"{}", b"\xff", b'{"format":"lading/annex/v1"}'])
def test_an_encrypted_one_that_does_not_hold_spoils_no_bill_of_the_other_side(
    handed: Handed, monkeypatch: pytest.MonkeyPatch, plaintext: bytes
) -> None:
    recipient = str(handed.key.to_public())
    sealed = base64.b64encode(encrypt(plaintext, [recipient])).decode()
    answer = AnnexMessage(organization=BOREALIS, encryption="age", plaintext=sha256(plaintext), annex=sealed)
    monkeypatch.setattr(handed.two.borealis.handlers, "annex", lambda *_: answer)
    bill = handed.made(annex_for=[recipient])

    account = verify_bill(bill, handed.trust, (handed.key,))

    assert account.annexes[BOREALIS].startswith("does not hold: the annex of borealis.example")
    assert (account.annexes[ACME], account.verdict) == ("opened", "released")
    assert {each.replay for each in account.decisions if each.organization == ACME} == {"repeated"}
    assert {each.replay for each in account.decisions if each.organization == BOREALIS} == {
        f"not replayed: annex of {BOREALIS}: {account.annexes[BOREALIS]}"
    }


def test_an_encrypted_one_that_is_no_age_file_is_left_out(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = AnnexMessage(organization=BOREALIS, encryption="age", plaintext="0" * 64, annex="AAAA")
    monkeypatch.setattr(handed.two.borealis.handlers, "annex", lambda *_: answer)

    bill = handed.made(annex_for=[str(handed.key.to_public())])

    assert annexes(handed, bill)[BOREALIS] == "absent: what they sent does not hold"


@pytest.mark.parametrize("org", [ACME, "cirrus.example"])
def test_an_issuer_cannot_say_that_its_own_or_a_strangers_annex_is_absent(handed: Handed, org: str) -> None:
    def change(bill: dict[str, Any]) -> None:
        bill["absent"] = {org: "refused"}

    with pytest.raises(IntegrityError, match="it says that it lacks the annexes of"):
        verify_bill(handed.lie(change), handed.trust)


def test_an_annex_that_nobody_asked_for_is_not_missed(handed: Handed) -> None:
    bill = handed.made()

    assert "absent" not in json.loads(bill)["bill"]
    assert annexes(handed, bill) == {ACME: "none", BOREALIS: "none"}
