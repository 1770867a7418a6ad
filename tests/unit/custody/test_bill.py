"""A bill verifies from pinned trust alone; with another story in it, it does not, whoever signed and sealed it."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.audit.note import NoteSigner
from engine.custody.account import verify_bill
from engine.custody.bill import BillV1, LogEvidenceV1, issue, parse_bill, seal_bill, seal_text
from engine.custody.statements import Acceptance, DeliveryReceipt, Offer, Verdict
from engine.digest import canonical, sha256
from engine.errors import BadSignature, EvidenceError, IntegrityError, LogTampered, UntrustedIdentity
from engine.signing.trust_folder import TrustFolder
from engine.workspace.keys import signing_key
from tests.unit.custody.conftest import ACME, ADA, BEA, BOREALIS, MADE, Handoff, agree

SAMPLES = Path(__file__).parents[3] / "samples"
OTHER = sha256(b"other")

Change = Callable[[Handoff], dict[str, Any]]


def test_a_bill_verifies_from_pinned_trust_alone(handoff: Handoff) -> None:
    account = verify_bill(handoff.issue(handoff.bill()), handoff.trust)

    assert account.grade == "bilateral"
    assert account.verdict == "released"
    assert (account.sender, account.receiver, account.issuer) == (ACME, BOREALIS, ACME)
    assert account.artifact == "sentiment:3.1"
    assert account.root == handoff.packed.manifest.root
    assert account.agreement == handoff.agreement.digest
    assert len(account.proved) == 9
    assert account.proved[0].startswith(f"issued by {ADA} for {ACME} at {MADE:%F} ")
    assert account.to_json()["proved"] == list(account.proved)


def test_expired_trust_documents_prove_what_they_proved_before(handoff: Handoff) -> None:
    pinned = TrustFolder(handoff.trust)

    assert all(pinned.partner(org).expires < MADE for org in (ACME, BOREALIS))
    assert verify_bill(handoff.issue(handoff.bill()), handoff.trust).grade == "bilateral"


def test_the_receiver_may_issue_a_bill_as_well(handoff: Handoff) -> None:
    data = handoff.issue(handoff.bill(issuer=BOREALIS), who=BEA)

    assert verify_bill(data, handoff.trust).issuer == BOREALIS


def test_each_party_verifies_it_with_the_trust_of_its_own_workspace(handoff: Handoff) -> None:
    data = handoff.issue(handoff.bill())

    graded = {verify_bill(data, office.layout.trust).grade for office in (handoff.acme, handoff.borealis)}

    assert graded == {"bilateral"}


def test_verifying_writes_nothing(handoff: Handoff, tmp_path: Path) -> None:
    shutil.copytree(handoff.trust, tmp_path / "trust")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    verify_bill(handoff.issue(handoff.bill()), tmp_path / "trust")

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("missing", [ACME, BOREALIS])
def test_one_missing_cosignature_makes_the_evidence_unilateral(handoff: Handoff, missing: str) -> None:
    logs = dict(handoff.bill().logs)
    office = handoff.acme if missing == ACME else handoff.borealis
    logs[missing] = handoff.evidence(office, witness=None)
    lines = logs[missing].checkpoint.splitlines(keepends=True)
    logs[missing] = logs[missing].model_copy(
        update={"checkpoint": "".join(line for line in lines if "/lading/witness " not in line)}
    )

    account = verify_bill(handoff.issue(handoff.bill(logs=logs)), handoff.trust)

    assert account.grade == "unilateral"


def test_a_quarantined_delivery_has_a_bill_that_says_so(handoff: Handoff) -> None:
    told = handoff.fork()
    told.say("verdict", told.predicate(Verdict, verdict="quarantined", findings=["digest-mismatch"]))
    told.log(told.borealis, "verdict.issued", "verdict")
    told.log(told.acme, "verdict.received", "verdict")

    account = verify_bill(told.issue(told.bill()), told.trust)

    assert account.verdict == "quarantined"
    assert f"{BOREALIS} signed the verdict: quarantined (spiffe://{BOREALIS}/gateway)" in account.proved


def _without(name: str) -> Change:
    def change(told: Handoff) -> dict[str, Any]:
        return {"signatures": {k: v for k, v in told.bill().signatures.items() if k != name}}

    return change


def _said(name: str, kind: type, by: str | None = None, **fields: Any) -> Change:
    """Say something else in one statement; who signs is who should, unless `by` says otherwise."""

    def change(told: Handoff) -> dict[str, Any]:
        told.say(name, told.predicate(kind, **fields), by=by)
        return {}

    return change


def _other_agreement(told: Handoff) -> dict[str, Any]:
    other = agree(id="another")
    told.bundles[f"agreement:{ACME}"] = told.acme.sign(other.statement(), ADA)
    told.bundles[f"agreement:{BOREALIS}"] = told.borealis.sign(other.statement(), BEA)
    return {"agreement": other.canonical().decode()}


def _other_text_signed(told: Handoff) -> dict[str, Any]:
    told.bundles[f"agreement:{BOREALIS}"] = told.borealis.sign(agree(id="another").statement(), BEA)
    return {}


def _acceptance_by_the_sender(told: Handoff) -> dict[str, Any]:
    told.bundles["acceptance"] = told.acme.sign(told.payloads["acceptance"], f"spiffe://{ACME}/gateway")
    return {}


def _broken_manifest(_: Handoff) -> dict[str, Any]:
    return {"manifest": "{}"}


def _model_signature_of_other_files(told: Handoff) -> dict[str, Any]:
    told.bundles["model"] = told.bundles["manifest"]
    return {}


STORIES: dict[str, tuple[Change, type[EvidenceError], str]] = {
    "issuer-is-no-party": (
        lambda _: {"issuer": "cygnus.example"},
        IntegrityError,
        "its issuer cygnus.example is not one of two different parties",
    ),
    "one-party-twice": (lambda _: {"receiver": ACME}, IntegrityError, "not one of two different parties"),
    "log-of-one-party": (
        lambda told: {"logs": {ACME: told.bill().logs[ACME]}},
        IntegrityError,
        f"it has log evidence of {ACME}, expected both parties'",
    ),
    "log-of-nobody": (lambda _: {"logs": {}}, IntegrityError, "it has log evidence of nobody"),
    "other-artifact": (lambda _: {"artifact": OTHER}, IntegrityError, f"not {OTHER}"),
    "no-manifest": (_broken_manifest, IntegrityError, "the bill holds something unreadable"),
    "no-model-signature": (_without("model"), IntegrityError, "it lacks the signature 'model'"),
    "model-signature-is-another": (_model_signature_of_other_files, IntegrityError, "model-signature"),
    "no-offer": (_without("offer"), IntegrityError, "it lacks the signature 'offer'"),
    "no-verdict": (_without("verdict"), IntegrityError, "it lacks the signature 'verdict'"),
    "one-side-of-agreement": (
        _without(f"agreement:{BOREALIS}"),
        IntegrityError,
        f"it lacks the signature 'agreement:{BOREALIS}'",
    ),
    "offer-of-another-transfer": (
        _said("offer", Offer, transfer="tr-" + "6" * 24),
        IntegrityError,
        "its offer is about another handoff",
    ),
    "offer-to-somebody-else": (
        _said("offer", Offer, receiver="cygnus.example"),
        IntegrityError,
        "its offer is about another handoff",
    ),
    "offer-of-another-manifest": (
        _said("offer", Offer, manifest=OTHER),
        IntegrityError,
        "its offer is about another manifest",
    ),
    "offer-by-nobody-listed": (_said("offer", Offer, by=f"eve@{ACME}"), UntrustedIdentity, f"eve@{ACME}"),
    "another-agreement": (_other_agreement, IntegrityError, "its agreement is not the one the offer cites"),
    "another-text-signed": (_other_text_signed, IntegrityError, "the agreement was not in force"),
    "agreement-over": (
        _said("offer", Offer, issued=MADE + timedelta(days=400)),
        IntegrityError,
        "the agreement was not in force: it expired",
    ),
    "acceptance-of-another-offer": (_said("acceptance", Acceptance, offer=OTHER), BadSignature, f"offer {OTHER}"),
    "acceptance-by-the-sender": (_acceptance_by_the_sender, BadSignature, BOREALIS),
    "acceptance-by-a-person": (_said("acceptance", Acceptance, by=BEA), UntrustedIdentity, BEA),
    "receipt-for-other-chunks": (_said("receipt", DeliveryReceipt, chunks=OTHER), BadSignature, f"chunks {OTHER}"),
    "verdict-on-another-receipt": (
        _said("verdict", Verdict, receipt=OTHER),
        IntegrityError,
        "its verdict is about another receipt",
    ),
    "verdict-that-was-never-logged": (
        _said("verdict", Verdict, verdict="quarantined", findings=["space"]),
        LogTampered,
        f"the log of {ACME} does not show verdict.received",
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_dishonest_issuer_cannot_seal_another_story(handoff: Handoff, story: str) -> None:
    change, error, said = STORIES[story]
    told = handoff.fork()
    changes = change(told)
    data = told.issue(told.bill(**changes))

    with pytest.raises(error, match=said.replace("(", r"\(")) as refused:
        verify_bill(data, handoff.trust)

    assert refused.value.exit_code == 4
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("owner", "event"),
    [
        (ACME, "transfer.offered"),
        (ACME, "receipt.received"),
        (ACME, "verdict.received"),
        (BOREALIS, "transfer.accepted"),
        (BOREALIS, "receipt.issued"),
        (BOREALIS, "verdict.issued"),
    ],
)
def test_an_event_left_out_is_missed(handoff: Handoff, owner: str, event: str) -> None:
    office, other = (handoff.acme, handoff.borealis)[:: 1 if owner == ACME else -1]
    logs = handoff.bill().logs | {owner: handoff.evidence(office, witness=other, without=event)}

    with pytest.raises(LogTampered, match=f"the log of {owner} does not show {event}"):
        verify_bill(handoff.issue(handoff.bill(logs=logs)), handoff.trust)


def _moved(evidence: LogEvidenceV1) -> LogEvidenceV1:
    first = evidence.entries[0]
    return evidence.model_copy(
        update={"entries": [first.model_copy(update={"index": first.index + 1}), *evidence.entries[1:]]}
    )


def _without_proof(evidence: LogEvidenceV1) -> LogEvidenceV1:
    return evidence.model_copy(
        update={"entries": [each.model_copy(update={"proof": each.proof[:-1]}) for each in evidence.entries]}
    )


def _loose_base64(evidence: LogEvidenceV1) -> LogEvidenceV1:
    first = evidence.entries[0]
    return evidence.model_copy(update={"entries": [first.model_copy(update={"leaf": "!" + first.leaf})]})


@pytest.mark.parametrize("alter", [_moved, _without_proof, _loose_base64])
def test_an_entry_that_is_not_proved_is_refused(
    handoff: Handoff, alter: Callable[[LogEvidenceV1], LogEvidenceV1]
) -> None:
    logs = handoff.bill().logs
    data = handoff.issue(handoff.bill(logs=logs | {ACME: alter(logs[ACME])}))

    with pytest.raises(EvidenceError):
        verify_bill(data, handoff.trust)


def test_an_entry_about_another_transfer_is_refused(handoff: Handoff) -> None:
    entry = handoff.acme.log.entry(0)
    whole = handoff.evidence(handoff.acme, witness=handoff.borealis)
    proof = handoff.acme.log.prove(0, handoff.acme.log.size)
    import base64

    foreign = whole.entries[0].model_copy(
        update={
            "index": 0,
            "leaf": base64.b64encode(entry.leaf).decode(),
            "proof": [base64.b64encode(node).decode() for node in proof],
        }
    )
    logs = handoff.bill().logs | {ACME: whole.model_copy(update={"entries": [*whole.entries, foreign]})}

    with pytest.raises(LogTampered, match="about this transfer"):
        verify_bill(handoff.issue(handoff.bill(logs=logs)), handoff.trust)


def test_a_checkpoint_of_the_other_log_does_not_pass(handoff: Handoff) -> None:
    logs = handoff.bill().logs
    swapped = {ACME: logs[BOREALIS], BOREALIS: logs[ACME]}

    with pytest.raises(EvidenceError):
        verify_bill(handoff.issue(handoff.bill(logs=swapped)), handoff.trust)


def test_a_seal_by_another_key_is_refused(handoff: Handoff) -> None:
    stranger = NoteSigner(handoff.acme.origin, signing_key(handoff.acme.layout.keys, "root-1"))

    with pytest.raises(EvidenceError):
        verify_bill(handoff.issue(handoff.bill(), signer=stranger), handoff.trust)


def test_a_seal_with_a_second_signature_line_is_refused(handoff: Handoff) -> None:
    sealed = json.loads(handoff.issue(handoff.bill()))
    other = handoff.borealis.log_signer.sign(sealed["seal"].split("\n\n")[0].encode() + b"\n").decode()

    with pytest.raises(IntegrityError, match="its seal is over other content"):
        verify_bill(canonical(sealed | {"seal": sealed["seal"] + other}), handoff.trust)


def test_a_signature_over_another_bill_is_refused(handoff: Handoff) -> None:
    signature = handoff.acme.sign(handoff.bill(decision="another").statement(), ADA)

    with pytest.raises(IntegrityError, match="its signature is over another bill"):
        verify_bill(seal_bill(handoff.bill(), signature, handoff.acme.log_signer), handoff.trust)


def test_a_bill_signed_by_somebody_not_listed_is_refused(handoff: Handoff) -> None:
    with pytest.raises(UntrustedIdentity, match=f"eve@{ACME}"):
        verify_bill(handoff.issue(handoff.bill(), who=f"eve@{ACME}"), handoff.trust)


def test_a_bill_of_strangers_with_the_same_names_is_refused(handoff: Handoff) -> None:
    """The organizations in `samples/` have the same ids, and other keys."""
    with pytest.raises(EvidenceError):
        verify_bill(handoff.issue(handoff.bill()), SAMPLES / "trust")


def test_a_party_that_is_not_pinned_is_named(handoff: Handoff, tmp_path: Path) -> None:
    shutil.copytree(handoff.trust, tmp_path / "trust")
    shutil.rmtree(tmp_path / "trust" / "partners" / BOREALIS)

    with pytest.raises(EvidenceError, match=f"'{BOREALIS}' is not a confirmed partner; confirmed are: {ACME}"):
        verify_bill(handoff.issue(handoff.bill()), tmp_path / "trust")


def test_a_bill_reads_back_as_it_was_made(handoff: Handoff) -> None:
    bill = handoff.bill()

    sealed = parse_bill(handoff.issue(bill))

    assert sealed.bill == bill
    assert sealed.bill.digest == sha256(canonical(bill.to_json()))
    assert sealed.seal.encode().startswith(seal_text(sealed.bill, sealed.signature))


def _edited(bill: bytes, **changes: Any) -> bytes:
    sealed = json.loads(bill)
    return canonical(sealed | {"bill": sealed["bill"] | changes})


FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "cannot be read"),
    "not-utf-8": (lambda data: data.replace(b"sentiment", b"sentim\xffnt"), "is not UTF-8"),
    "pretty": (lambda data: json.dumps(json.loads(data), indent=1).encode(), "not in its canonical form"),
    "newline": (lambda data: data + b"\n", "not in its canonical form"),
    "half": (lambda data: data[: len(data) // 2], "cannot be read"),
    "key-twice": (lambda data: data.replace(b'{"bill":', b'{"bill":1,"bill":', 1), "stands twice"),
    "unknown-field": (lambda data: _edited(data, notes="x"), "the bill's field bill.notes"),
    "other-format": (lambda data: _edited(data, format="lading/bill/v9"), "the bill's field bill: .*lading/bill/v9"),
    "no-moment": (lambda data: _edited(data, issued="yesterday"), "the bill's field bill.issued"),
    "another-spelling": (
        lambda data: _edited(data, issued="2021-03-01T12:00:00+01:00"),
        "a second way to write one of its values",
    ),
    "a-list": (lambda _: b"[]", "this is no unaltered bill"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_bill_is_refused_with_its_reason(handoff: Handoff, kind: str) -> None:
    alter, said = FILES[kind]

    with pytest.raises(IntegrityError, match=said) as refused:
        parse_bill(alter(handoff.issue(handoff.bill())))

    assert "Ask its issuer" in refused.value.remedy


def test_a_file_too_large_to_be_a_bill_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.custody.bill.BILL_LIMIT", 10)

    with pytest.raises(IntegrityError, match="11 bytes, where at most 10 make sense"):
        parse_bill(b'{"bill":{}}')


def test_a_bill_cannot_be_made_of_nonsense(handoff: Handoff) -> None:
    with pytest.raises(ValueError, match="transfer"):
        BillV1(**handoff.bill().model_dump() | {"transfer": "tr-1"})


def test_moments_are_cut_to_what_a_bill_can_hold() -> None:
    assert issue(datetime(2021, 3, 1, 9, 0, 0, 123_987, UTC)).microsecond == 123_000
