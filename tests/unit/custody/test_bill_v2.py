"""A bill of both sides: either makes it, the same each time, and it proves decisions by replaying them."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from engine.custody.account import verify_bill
from engine.custody.age import read_identities, read_recipients
from engine.custody.annex import Annex
from engine.custody.bill import Bill, parse_bill
from engine.digest import canonical, sha256
from engine.errors import EvidenceError, InputError, IntegrityError, UsageError
from engine.signing.trust_folder import TrustFolder
from engine.signing.witnesses import PinnedWitness
from tests.integration.simulator import ACME, BOREALIS
from tests.unit.custody.handed import Handed, cosign, decoded, hand_over, third_party


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over(tmp_path_factory.mktemp("handed"))
    yield made
    made.two.close()


def test_both_sides_decisions_and_checks_are_proved(handed: Handed) -> None:
    account = verify_bill(handed.made(), handed.trust)

    assert (account.format, account.grade, account.verdict) == ("lading/bill/v2", "bilateral", "released")
    cited = {each.organization: (each.action, each.decision) for each in account.decisions if each.cited}
    assert cited == {ACME: ("send", "permit"), BOREALIS: ("receive", "permit")}
    assert {each["organization"] for each in account.findings} == {ACME, BOREALIS}
    assert [each.name for each in account.statements][-3:] == ["acceptance", "receipt", "verdict"]


def test_the_receiver_makes_one_as_well(handed: Handed) -> None:
    account = verify_bill(handed.made(handed.two.borealis), handed.two.acme.office.layout.trust)

    assert (account.issuer, account.grade) == (BOREALIS, "bilateral")


def test_made_again_it_has_the_same_content_and_is_one_event(handed: Handed) -> None:
    first, again = (canonical(json.loads(handed.made())["bill"]) for _ in range(2))

    assert first == again
    digests = [each.payload["digest"] for each in handed.two.acme.entries("bill.created") if each.payload]
    assert digests.count(sha256(first)) == 1


def test_an_annex_in_the_clear_replays_every_decision_of_its_side(handed: Handed) -> None:
    account = verify_bill(handed.made(annex="clear"), handed.trust)

    replayed = {each.organization: each.replay for each in account.decisions if each.cited}
    assert replayed[ACME] == "repeated"
    assert replayed[BOREALIS] == f"not replayed: annex of {BOREALIS}: {account.annexes[BOREALIS]}"
    assert any("send-own permits" in line for each in account.decisions for line in each.words)


def test_an_encrypted_annex_is_read_by_its_auditors_alone(handed: Handed) -> None:
    data = handed.made(annex_for=[str(handed.key.to_public())])

    unread = verify_bill(data, handed.trust)
    others = verify_bill(data, handed.trust, (pyrage.x25519.Identity.generate(),))
    read = verify_bill(data, handed.trust, (handed.key,))

    assert (unread.annexes[ACME], others.annexes[ACME], read.annexes[ACME]) == (
        "sealed for others",
        "sealed for others",
        "opened",
    )
    assert "repeated" in {each.replay for each in read.decisions}
    assert json.loads(data)["bill"] == json.loads(handed.made(annex_for=[str(handed.key.to_public())]))["bill"]


@pytest.mark.skipif(shutil.which("age") is None, reason="the age tool is not installed")
def test_the_age_tool_opens_an_annex(handed: Handed, tmp_path: Path) -> None:
    sealed = parse_bill(handed.made(annex_for=[str(handed.key.to_public())]))
    assert isinstance(sealed.bill, Bill)
    (tmp_path / "key.txt").write_text(f"# an auditor\n{handed.key}\n")
    (tmp_path / "annex.age").write_bytes(decoded((sealed.annexes or {})[ACME]))

    done = subprocess.run(
        [str(shutil.which("age")), "--decrypt", "--identity", "key.txt", "annex.age"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    assert sha256(done.stdout) == sealed.bill.annexes[ACME].plaintext
    assert Annex.parse(done.stdout, organization=ACME, transfer=handed.transfer).bundles


def test_a_side_that_discloses_nothing_is_said_to_withhold(handed: Handed) -> None:
    def withhold(bill: dict[str, Any]) -> None:
        for each in bill["logs"][BOREALIS]["entries"]:
            each["opening"] = None

    account = verify_bill(handed.lie(withhold), handed.trust)

    theirs = [each for each in account.decisions if each.organization == BOREALIS]
    assert {(each.id, each.replay) for each in theirs} == {(None, "withheld")}
    assert all(each["withheld"] for each in account.findings if each["organization"] == BOREALIS)


def test_a_third_party_that_cosigned_both_logs_makes_it_witnessed(handed: Handed, tmp_path: Path) -> None:
    witness, trust = third_party(), tmp_path / "trust"
    shutil.copytree(handed.trust, trust)

    def seen(bill: dict[str, Any]) -> None:
        for log in bill["logs"].values():
            cosign(log, witness, int(handed.two.clock().timestamp()) + 60)

    data = handed.lie(seen)
    before = verify_bill(data, trust).grade
    TrustFolder(trust).pin(PinnedWitness(name="cygnus", vkey=witness.key.vkey))

    assert (before, verify_bill(data, trust).grade) == ("bilateral", "witnessed")


@pytest.mark.parametrize(
    "member", ["transfer", "issuer", "issued", "sender", "receiver", "artifact", "manifest", "agreement", "trust"]
)
def test_a_changed_member_without_a_new_signature_is_refused(handed: Handed, member: str) -> None:
    file = json.loads(handed.made())
    other = {} if isinstance(file["bill"][member], dict) else file["bill"][member][:-1] + "x"
    file["bill"][member] = other

    with pytest.raises(EvidenceError):
        verify_bill(canonical(file), handed.trust)


def test_an_opening_of_another_entry_is_refused(handed: Handed) -> None:
    def swap(bill: dict[str, Any]) -> None:
        opened = [each for each in bill["logs"][BOREALIS]["entries"] if each["opening"]]
        opened[0]["opening"] = opened[1]["opening"]

    with pytest.raises(IntegrityError, match="not what was logged"):
        verify_bill(handed.lie(swap), handed.trust)


def test_an_annex_with_a_path_outside_is_refused_before_anything_is_written(handed: Handed) -> None:
    annex = json.loads(decoded(json.loads(handed.made(annex="clear"))["annexes"][ACME]))
    [files] = annex["bundles"].values()
    files["../outside.cedar"] = "permit (principal, action, resource);"

    with pytest.raises(IntegrityError, match="annex of"):
        Annex.parse(canonical(annex), organization=ACME, transfer=handed.transfer)


def test_recipients_and_keys_are_read_with_care(tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "to").write_text(f"# auditors\n\n{key.to_public()}\n")
    (tmp_path / "key").write_text(f"{key}\n")
    (tmp_path / "bad").write_text("age1nobody\n")

    assert read_recipients(tmp_path / "to") == (str(key.to_public()),)
    assert len(read_identities(tmp_path / "key")) == 1
    for read in (read_recipients, read_identities):
        with pytest.raises(InputError):
            read(tmp_path / "bad")


def test_an_annex_cannot_be_clear_and_sealed_at_once(handed: Handed) -> None:
    with pytest.raises(UsageError):
        handed.made(annex="clear", annex_for=[str(handed.key.to_public())])


def test_a_salt_is_needed_to_open_an_entry(handed: Handed) -> None:
    def resalt(bill: dict[str, Any]) -> None:
        opened = next(each for each in bill["logs"][ACME]["entries"] if each["opening"])
        opened["opening"]["salt"] = base64.b64encode(bytes(32)).decode()

    with pytest.raises(IntegrityError, match="commitment"):
        verify_bill(handed.lie(resalt), handed.trust)
