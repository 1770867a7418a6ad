"""Verifying a bill offline: from the file and pinned trust alone, to an account a person can read.

Nothing of the bill is believed for being there. Each claim is proved from a signature under the root pinned for
the one organization that must have made it, or from an inclusion proof under a checkpoint its log signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.agreement import Agreement, parse_agreement, standing
from engine.audit.checkpoint import SignedCheckpoint, open_checkpoint
from engine.audit.entry import parse_leaf
from engine.audit.merkle import leaf_hash, verify_inclusion
from engine.audit.note import NoteKey, decode_base64, open_note
from engine.checks.signatures import Evidence, check_signatures
from engine.custody.bill import BILL_TYPE, LogEvidence, SealedBill, parse_bill, seal_text
from engine.custody.statements import (
    Acceptance,
    Answer,
    DeliveryReceipt,
    Offer,
    Verdict,
    check_answer,
)
from engine.digest import JSON, canonical, sha256
from engine.errors import EvidenceError, InputError, IntegrityError, LogTampered
from engine.manifest import Manifest, parse_manifest
from engine.signing.organization_trust import Signed
from engine.signing.trust_folder import TrustFolder

SENDER_EVENTS = {"transfer.offered": "offer", "receipt.received": "receipt", "verdict.received": "verdict"}
RECEIVER_EVENTS = {"transfer.accepted": "acceptance", "receipt.issued": "receipt", "verdict.issued": "verdict"}


@dataclass(frozen=True, slots=True)
class Account:
    """What a bill proves, in words.

    Attributes:
        proved: one sentence for each thing that was proved, in the order of the handoff.
        grade: `bilateral` when each party's checkpoint is cosigned by the other's witness, otherwise `unilateral`.
    """

    transfer: str
    artifact: str
    root: str
    sender: str
    receiver: str
    agreement: str
    issuer: str
    verdict: str
    proved: tuple[str, ...]
    grade: str

    def to_json(self) -> dict[str, JSON]:
        """Return the account as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"proved": list(self.proved), "ok": True}


def verify_bill(data: bytes, trust: Path) -> Account:
    """Verify a bill from pinned trust alone.

    Args:
        data: the file.
        trust: a folder of pinned trust, such as a workspace's `trust/`.

    Raises:
        EvidenceError: anything at all does not hold; the message says what.
    """
    sealed = parse_bill(data)
    try:
        return _Examination(sealed, TrustFolder(trust)).account()
    except InputError as error:
        raise IntegrityError(f"the bill holds something unreadable: {error}", remedy=error.remedy) from error


class _Examination:
    """One run over one bill; collects what it proved."""

    def __init__(self, sealed: SealedBill, trust: TrustFolder) -> None:
        self._sealed = sealed
        self._bill = sealed.bill
        self._trust = trust
        self._proved: list[str] = []

    def account(self) -> Account:
        bill = self._bill
        self._check_parties()
        self._check_seal()
        manifest = self._check_artifact()
        offer, offered = self._check_offer()
        agreement = self._check_agreement(offer)
        answers = self._check_answers(offer, offered)
        grade = self._check_logs(offered, answers)
        verdict = Verdict.read(answers["verdict"])
        return Account(
            transfer=bill.transfer,
            artifact=f"{manifest.name}:{manifest.version}",
            root=bill.artifact,
            sender=bill.sender,
            receiver=bill.receiver,
            agreement=agreement.digest,
            issuer=bill.issuer,
            verdict=verdict.verdict,
            proved=tuple(self._proved),
            grade=grade,
        )

    def _check_parties(self) -> None:
        bill = self._bill
        if bill.sender == bill.receiver or bill.issuer not in (bill.sender, bill.receiver):
            raise _broken(f"its issuer {bill.issuer} is not one of two different parties")
        if set(bill.logs) != {bill.sender, bill.receiver}:
            raise _broken(f"it has log evidence of {', '.join(sorted(bill.logs)) or 'nobody'}, expected both parties'")

    def _check_seal(self) -> None:
        """The issuer's log key covers every byte; the issuer's identity covers the bill."""
        bill, note = self._bill, self._sealed.seal.encode()
        keys = _keys(self._trust.document(bill.issuer).log_keys)
        opened = open_note(note, keys)
        text = seal_text(bill, self._sealed.signature)
        expected_lines = 4  # two of text, one empty, one signature
        if opened.text != text or note.count(b"\n") != expected_lines:
            raise _broken("its seal is over other content")
        signed = self._verify(bill.issuer, self._sealed.signature, BILL_TYPE)
        if signed.payload != bill.statement():
            raise _broken("its signature is over another bill")
        self._proved.append(f"issued by {signed.signatory.identity} for {bill.issuer} at {signed.time:%F %T}Z")

    def _check_artifact(self) -> Manifest:
        bill = self._bill
        manifest = parse_manifest(bill.manifest.encode())
        if manifest.root != bill.artifact:
            raise _broken(f"its manifest describes {manifest.root}, not {bill.artifact}")
        owner = manifest.organization
        evidence = Evidence(
            manifest=manifest,
            model_signature=canonical(self._bundle("model")),
            manifest_attestation=canonical(self._bundle("manifest")),
            origin=self._trust.organization_trust(owner),
        )
        for finding in check_signatures(evidence):
            raise _broken(f"{finding.subject}: {finding.message}")
        self._proved.append(f"{owner} signed its {len(manifest.files)} files and its manifest")
        return manifest

    def _check_offer(self) -> tuple[Offer, Signed]:
        bill = self._bill
        signed = self._verify(bill.sender, self._bundle("offer"), Offer.predicate_type())
        offer = Offer.read(signed)
        stated = (offer.transfer, offer.sender, offer.receiver, offer.artifact)
        if stated != (bill.transfer, bill.sender, bill.receiver, bill.artifact):
            raise _broken("its offer is about another handoff")
        if offer.manifest != sha256(bill.manifest.encode()):
            raise _broken("its offer is about another manifest")
        if bill.issuer == bill.sender and sha256(bill.decision.encode())[:32] != offer.decision.id:
            raise _broken("its decision record is not the one the offer cites")
        self._proved.append(f"{offer.sender} offered it for {offer.purpose!r} ({signed.signatory.identity})")
        return offer, signed

    def _check_agreement(self, offer: Offer) -> Agreement:
        bill = self._bill
        agreement = parse_agreement(bill.agreement.encode())
        if agreement.digest != offer.agreement or {agreement.provider, agreement.consumer} != {
            bill.sender,
            bill.receiver,
        }:
            raise _broken("its agreement is not the one the offer cites")
        bundles = {org: canonical(self._bundle(f"agreement:{org}")) for org in (bill.sender, bill.receiver)}
        trusts = {org: self._trust.organization_trust(org) for org in bundles}
        documents = {org: self._trust.document(org).digest for org in bundles}
        stands = standing(agreement, bundles, trusts, offer.issued, documents=documents)
        if not stands.in_force:
            raise _broken(f"the agreement was not in force: {'; '.join(p.message for p in stands.problems)}")
        self._proved.append(f"both parties signed agreement {agreement.id}, in force when it was offered")
        return agreement

    def _check_answers(self, offer: Offer, offered: Signed) -> dict[str, Signed]:
        kinds: Mapping[str, type[Answer]] = {
            "acceptance": Acceptance,
            "receipt": DeliveryReceipt,
            "verdict": Verdict,
        }
        answers: dict[str, Signed] = {}
        for name, kind in kinds.items():
            signed = self._verify(self._bill.receiver, self._bundle(name), kind.predicate_type())
            answer = kind.read(signed)
            check_answer(answer, offer, offered.payload)
            if isinstance(answer, Verdict) and answer.receipt != sha256(answers["receipt"].payload):
                raise _broken("its verdict is about another receipt")
            answers[name] = signed
            said = f"{name}: {answer.verdict}" if isinstance(answer, Verdict) else name
            self._proved.append(f"{self._bill.receiver} signed the {said} ({signed.signatory.identity})")
        return answers

    def _check_logs(self, offered: Signed, answers: Mapping[str, Signed]) -> str:
        digests = {name: sha256(signed.payload) for name, signed in answers.items()}
        digests["offer"] = sha256(offered.payload)
        bill = self._bill
        cosigned = [
            self._check_log(bill.sender, bill.receiver, SENDER_EVENTS, digests),
            self._check_log(bill.receiver, bill.sender, RECEIVER_EVENTS, digests),
        ]
        return "bilateral" if all(cosigned) else "unilateral"

    def _check_log(self, owner: str, other: str, events: Mapping[str, str], digests: Mapping[str, str]) -> bool:
        """Prove that a party's log holds its events of this handoff; say whether the other party's witness saw it."""
        evidence = self._bill.logs[owner]
        log_keys = _keys(self._trust.document(owner).log_keys)
        witness_keys = _keys(self._trust.document(other).witness_keys)
        opened = open_checkpoint(evidence.checkpoint.encode(), [*log_keys, *witness_keys])
        found = {(leaf["type"], leaf.get("statement")) for leaf in _leaves(evidence, opened, self._bill.transfer)}
        for event, name in events.items():
            if (event, digests[name]) not in found:
                raise LogTampered(
                    f"the log of {owner} does not show {event} for this {name}",
                    remedy="Ask the issuer for a bill with the entries of both logs.",
                )
        cosigned = bool(opened.cosigned)
        by = f", witnessed by {other}" if cosigned else ""
        self._proved.append(f"the log of {owner} holds it, at size {opened.checkpoint.size}{by}")
        return cosigned

    def _bundle(self, name: str) -> dict[str, object]:
        try:
            return self._bill.signatures[name]
        except KeyError:
            raise _broken(f"it lacks the signature {name!r}") from None

    def _verify(self, organization: str, bundle: object, predicate_type: str) -> Signed:
        trust = self._trust.organization_trust(organization)
        return trust.verify(canonical(bundle), predicate_type=predicate_type, limit=64 << 20)


def _leaves(evidence: LogEvidence, opened: SignedCheckpoint, transfer: str) -> list[dict[str, str]]:
    """Prove every entry of a log's evidence and return the leaves' attributes."""
    checkpoint, leaves = opened.checkpoint, []
    for entry in evidence.entries:
        leaf = decode_base64(entry.leaf, what="a leaf of the bill")
        proof = [decode_base64(node, what="a proof of the bill") for node in entry.proof]
        public = parse_leaf(leaf)
        proved = verify_inclusion(entry.index, checkpoint.size, leaf_hash(leaf), proof, checkpoint.root)
        if not proved or public.get("transfer") != transfer:
            raise LogTampered(
                f"entry {entry.index} is not proved to be in the log of {checkpoint.origin}, about this transfer",
                remedy="Ask the issuer for the bill again, and the log's owner for a proof of this entry.",
            )
        leaves.append(public)
    return leaves


def _keys(vkeys: list[str] | tuple[str, ...]) -> list[NoteKey]:
    return [NoteKey.parse(vkey) for vkey in vkeys]


def _broken(why: str) -> EvidenceError:
    return IntegrityError(f"the bill does not hold: {why}", remedy="Do not rely on it; ask its issuer for another.")
