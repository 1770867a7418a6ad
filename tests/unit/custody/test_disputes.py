"""Each denial of docs/disputes.md, made against a real bill: what verification answers."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate

from engine.agreement import parse_agreement
from engine.custody.account import verify_bill
from engine.custody.bill import Bill, encode, parse_bill
from engine.custody.statements import Approval, ApprovalV1, BreakGlass, Predicate, fresh_nonce, plan_digest
from engine.digest import canonical, sha256
from engine.errors import BadSignature, EvidenceError, InputError, IntegrityError, LogTampered
from engine.signing.sandbox.timestamps import TimestampService
from engine.signing.trust_folder import TrustFolder
from engine.signing.witnesses import PinnedWitness
from tests.integration.simulator import ACME, BOREALIS
from tests.unit.custody.handed import Handed, cosign, decoded, hand_over, hand_over_against_odds, third_party

PAGE = Path(__file__).parents[3] / "docs" / "disputes.md"


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over(tmp_path_factory.mktemp("disputed"))
    yield made
    made.two.close()


@pytest.fixture(scope="module")
def against_odds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over_against_odds(tmp_path_factory.mktemp("approved"))
    yield made
    made.two.close()


def test_every_denial_has_its_test() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    tests = {name for name in vars(sys.modules[__name__]) if name.startswith("test_denial_")}

    assert {f"test_denial_{re.sub(r'[^a-z]+', '_', each.lower())}" for each in headings} == tests


def without(org: str, kind: str) -> Callable[[dict[str, Any]], None]:
    """Leave the entries of a type out of a log's evidence."""

    def change(bill: dict[str, Any]) -> None:
        log = bill["logs"][org]
        log["entries"] = [each for each in log["entries"] if json.loads(decoded(each["leaf"]))["type"] != kind]

    return change


def test_denial_we_never_offered_it(handed: Handed) -> None:
    assert verify_bill(handed.made(), handed.trust).statements[0].name == "offer"

    with pytest.raises(LogTampered, match=f"log of {ACME} does not show transfer.offered"):
        verify_bill(handed.lie(without(ACME, "transfer.offered")), handed.trust)


def test_denial_we_never_received_it(handed: Handed) -> None:
    with pytest.raises(LogTampered, match=f"log of {BOREALIS} does not show receipt.issued"):
        verify_bill(handed.lie(without(BOREALIS, "receipt.issued"), handed.two.borealis), handed.trust)


def test_denial_we_never_accepted_these_terms(handed: Handed) -> None:
    def other_terms(bill: dict[str, Any]) -> None:
        agreement = json.loads(bill["agreement"])
        agreement["terms"]["retention_days"] += 1
        bill["agreement"] = parse_agreement(canonical(agreement)).canonical().decode()

    with pytest.raises(IntegrityError, match="agreement is not the one the offer cites"):
        verify_bill(handed.lie(other_terms), handed.trust)


def test_denial_it_was_another_model(handed: Handed) -> None:
    def other_model(bill: dict[str, Any]) -> None:
        bill["artifact"] = sha256(b"another model")

    with pytest.raises(IntegrityError, match="its manifest describes"):
        verify_bill(handed.lie(other_model), handed.trust)


def test_denial_the_log_was_rewritten_afterwards(handed: Handed) -> None:
    def rewrite(bill: dict[str, Any]) -> None:
        entry = bill["logs"][ACME]["entries"][0]
        leaf = json.loads(decoded(entry["leaf"])) | {"time": "2020-01-01T00:00:00.000Z"}
        entry["leaf"] = encode(canonical(leaf))

    with pytest.raises(LogTampered, match="not proved to be in the log"):
        verify_bill(handed.lie(rewrite), handed.trust)


def test_denial_our_policy_would_not_have_permitted_it(handed: Handed) -> None:
    truth = verify_bill(handed.made(annex="clear"), handed.trust)
    assert {each.replay for each in truth.decisions if each.organization == ACME} == {"repeated"}

    with pytest.raises(LogTampered, match="does not show the decision that its offer cites"):
        verify_bill(handed.lie(without(ACME, "decision.permit")), handed.trust)
    sealed = parse_bill(handed.made(annex="clear"))
    annex = json.loads(decoded((sealed.annexes or {})[ACME]))
    [files] = annex["bundles"].values()
    files["never.cedar"] = '@id("never") @owner("us") @remedy("none") forbid (principal, action, resource);'
    told = sealed.bill.to_json() | {
        "annexes": {ACME: dict.fromkeys(("plaintext", "sealed"), sha256(canonical(annex))) | {"encryption": "none"}}
    }

    with pytest.raises(IntegrityError, match="the policies under"):
        verify_bill(handed.issue(Bill.model_validate(told), handed.two.acme, {ACME: canonical(annex)}), handed.trust)


def approve(
    handed: Handed, by: str, *, kind: type[Predicate] = Approval, **changes: Any
) -> Callable[[dict[str, Any]], None]:
    """Put an approval, or a ticket, into a bill that nobody gave when it was sent."""
    office, account = handed.two.acme.office, verify_bill(handed.made(), handed.trust)
    now = handed.two.clock()
    facts: dict[str, Any] = {
        "transfer": handed.transfer,
        "sender": ACME,
        "receiver": BOREALIS,
        "artifact": account.root,
        "agreement": account.agreement,
        "nonce": fresh_nonce(),
        "issued": now,
        "checkpoint": "",
        "requester": f"ada@{ACME}",
        "purpose": account.purpose,
        "policy": sha256(b"policy"),
        "reason": "reviewed",
        "expires": now + timedelta(hours=1),
    }
    order = {"artifact": account.root, "partner": BOREALIS, "agreement": account.agreement}
    plan = plan_digest(**order, purpose=account.purpose, impact="", actor=f"ada@{ACME}")
    bound = {"action": "send", "plan": plan, "waives": (), "not_before": now}
    bound |= {"ticket": "INC-17", "waives": ("extra",)} if kind is BreakGlass else {}
    approval = kind.model_validate((facts | changes) if kind is ApprovalV1 else (facts | bound | changes))
    name = "break-glass" if kind is BreakGlass else "approval"

    def change(bill: dict[str, Any]) -> None:
        bill["signatures"][name] = json.loads(office.sign(approval.statement(), by))

    return change


def test_denial_the_approval_was_forged(handed: Handed) -> None:
    never_logged = approve(handed, f"abe@{ACME}")
    elsewhere = approve(handed, f"abe@{ACME}", transfer="tr-" + "0" * 24)
    other_order = approve(handed, f"abe@{ACME}", plan="0" * 64)
    former = approve(handed, f"abe@{ACME}", kind=ApprovalV1)
    nobody = approve(handed, f"olga@{ACME}")

    for unlogged in (never_logged, former):
        with pytest.raises(LogTampered, match="does not show this approval"):
            verify_bill(handed.lie(unlogged), handed.trust)
    with pytest.raises(IntegrityError, match="another order than the offer"):
        verify_bill(handed.lie(other_order), handed.trust)
    with pytest.raises(IntegrityError, match="it is about transfer"):
        verify_bill(handed.lie(elsewhere), handed.trust)
    with pytest.raises(EvidenceError, match="olga"):
        verify_bill(handed.lie(nobody), handed.trust)


def test_denial_requester_and_approver_are_the_same_person(against_odds: Handed) -> None:
    handed, trust = against_odds, against_odds.trust
    account = verify_bill(handed.made(annex="clear"), trust)
    signers = {each.name: each.signer for each in account.statements}
    [offer] = [each for each in account.statements if each.name == "offer"]

    assert offer.says.endswith(f"asked for by ada@{ACME}")
    assert (signers["approval"], signers["break-glass"]) == (f"abe@{ACME}", f"sec@{ACME}")
    [rested] = [each for each in account.decisions if each.cited and each.organization == ACME]
    assert (rested.principal, rested.replay) == (f"ada@{ACME}", "repeated")
    for change, refused in (
        (approve(handed, f"ada@{ACME}"), f"ada@{ACME}"),
        (approve(handed, f"abe@{ACME}", requester=f"abe@{ACME}"), f"it is about requester 'abe@{ACME}'"),
        (approve(handed, f"abe@{ACME}"), f"the log of {ACME} does not show this approval"),
        (approve(handed, f"sec@{ACME}", kind=BreakGlass, requester=f"sec@{ACME}"), "sec@.* signed it for themselves"),
        (offered_by(handed, f"abe@{ACME}"), "acceptance:v1 statement is about offer"),
    ):
        with pytest.raises(EvidenceError, match=refused):
            verify_bill(handed.lie(change), trust)


def offered_by(handed: Handed, requester: str) -> Callable[[dict[str, Any]], None]:
    """Have the offer say that somebody else asked for the transfer."""
    office = handed.two.acme.office

    def change(bill: dict[str, Any]) -> None:
        offer = json.loads(decoded(bill["signatures"]["offer"]["dsseEnvelope"]["payload"]))
        offer["predicate"]["requester"] = requester
        bill["signatures"]["offer"] = json.loads(office.sign(canonical(offer), f"ada@{ACME}"))

    return change


def test_denial_the_certificate_was_expired(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    data = handed.made()
    offer = json.loads(data)["bill"]["signatures"]["offer"]
    certificate = load_der_x509_certificate(decoded(offer["verificationMaterial"]["certificate"]["rawBytes"]))
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(minutes=10)
    [said] = [each for each in verify_bill(data, handed.trust).statements if each.name == "offer"]
    signed = datetime.fromisoformat(said.time)
    assert certificate.not_valid_before_utc <= signed <= certificate.not_valid_after_utc

    def stamp_of_another(bill: dict[str, Any]) -> None:
        offer, verdict = (bill["signatures"][name]["verificationMaterial"] for name in ("offer", "verdict"))
        offer["timestampVerificationData"] = verdict["timestampVerificationData"]

    with pytest.raises(BadSignature, match="the bill's offer does not hold"):
        verify_bill(handed.lie(stamp_of_another), handed.trust)
    late = signed_late(handed, monkeypatch)
    with pytest.raises(BadSignature, match="the bill's offer does not hold"):
        verify_bill(handed.lie(late), handed.trust)


def signed_late(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Have the very same offer signed with a certificate that had ended by the authority's clock."""
    office, answer = handed.two.acme.office, TimestampService.answer

    def change(bill: dict[str, Any]) -> None:
        payload = decoded(bill["signatures"]["offer"]["dsseEnvelope"]["payload"])
        with monkeypatch.context() as hour_later:
            hour_later.setattr(
                TimestampService, "answer", lambda self, asked, now: answer(self, asked, now + timedelta(hours=1))
            )
            bundle = office.sign(payload, f"ada@{ACME}")
        bill["signatures"]["offer"] = json.loads(bundle)

    return change


def test_denial_your_witness_colludes_with_you(handed: Handed, tmp_path: Path) -> None:
    own = TrustFolder(handed.trust).document(BOREALIS).witness_keys[0]
    trust = Path(shutil.copytree(handed.trust, tmp_path / "trust"))
    witness = third_party()
    TrustFolder(trust).pin(PinnedWitness(name="cygnus", vkey=witness.key.vkey))

    def one_log(bill: dict[str, Any]) -> None:
        cosign(bill["logs"][ACME], witness, int(handed.two.clock().timestamp()) + 60)

    def both_logs(bill: dict[str, Any]) -> None:
        one_log(bill)
        cosign(bill["logs"][BOREALIS], witness, int(handed.two.clock().timestamp()) + 60)

    assert verify_bill(handed.lie(one_log), trust).grade == "bilateral"
    assert verify_bill(handed.lie(both_logs), trust).grade == "witnessed"
    with pytest.raises(InputError, match="key of this organization or of a partner"):
        TrustFolder(trust).pin(PinnedWitness(name="myself", vkey=own))


def test_denial_the_checks_had_failed(handed: Handed) -> None:
    assert {each["passed"] for each in verify_bill(handed.made(), handed.trust).findings} == {True}

    def failed(bill: dict[str, Any]) -> None:
        for each in bill["logs"][BOREALIS]["entries"]:
            if each["opening"] and '"passed":true' in each["opening"]["payload"]:
                each["opening"]["payload"] = each["opening"]["payload"].replace('"passed":true', '"passed":false')

    with pytest.raises(IntegrityError, match="commitment opens to something else"):
        verify_bill(handed.lie(failed), handed.trust)


def test_denial_the_time_is_wrong(handed: Handed, tmp_path: Path) -> None:
    trust = Path(shutil.copytree(handed.trust, tmp_path / "trust"))
    witness = third_party()
    TrustFolder(trust).pin(PinnedWitness(name="cygnus", vkey=witness.key.vkey))

    def seen_long_before(bill: dict[str, Any]) -> None:
        cosign(bill["logs"][ACME], witness, int(handed.two.clock().timestamp()) - 86_400)

    with pytest.raises(IntegrityError, match="before the last statement in it was signed"):
        verify_bill(handed.lie(seen_long_before), trust)


def test_denial_you_hide_what_you_decided(handed: Handed) -> None:
    def close(bill: dict[str, Any]) -> None:
        for each in bill["logs"][ACME]["entries"]:
            each["opening"] = None

    account = verify_bill(handed.lie(close), handed.trust)

    assert [each.replay for each in account.decisions if each.organization == ACME] == ["withheld"]
    with pytest.raises(LogTampered, match="does not show the decision that its offer cites"):
        verify_bill(handed.lie(without(ACME, "decision.permit")), handed.trust)
