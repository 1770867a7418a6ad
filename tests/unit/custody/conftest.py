"""Builders: two organizations with real keys, logs, witnesses and Sigstores, and their handoff.

The workspaces are two years old on purpose: their trust documents have expired, and a bill must verify all the same.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.agreement import Agreement
from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import NoteKey, NoteSigner
from engine.audit.witness import add_checkpoint_body
from engine.custody.bill import AnyBill, BillV1, EntryEvidence, LogEvidenceV1, seal_bill
from engine.custody.statements import (
    Acceptance,
    Approval,
    ApprovalV1,
    BreakGlass,
    DecisionCited,
    DeliveryReceipt,
    Offer,
    Predicate,
    Verdict,
)
from engine.digest import sha256
from engine.events import Event, event_id, system_clock, timestamp
from engine.manifest import Packed, pack
from engine.signing import manifest_statement, model_statement
from engine.signing.trust_document import fingerprint
from engine.signing.trust_folder import TrustFolder
from engine.workspace.creation import create
from engine.workspace.layout import Layout
from engine.workspace.office import Office

MADE = system_clock().replace(microsecond=0)
ACME, BOREALIS = "acme.example", "borealis.example"
ADA, BEA = f"ada@{ACME}", f"bea@{BOREALIS}"
TRANSFER = "tr-" + "5" * 24
POLICY = sha256(b"policy")
RECORD = "{}"
CITED = DecisionCited(id=sha256(RECORD.encode())[:32], decision="permit", policy=POLICY)


@dataclass
class Handoff:
    """A handoff from Acme to Borealis as the two logged and signed it, and bills about it.

    `bundles` are the Sigstore bundles by their names in a bill; `payloads` the statements they sign.
    """

    acme: Office
    borealis: Office
    packed: Packed
    agreement: Agreement
    trust: Path
    bundles: dict[str, bytes] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)

    def fork(self) -> "Handoff":
        """The same handoff, to be told differently from here on."""
        return replace(self, bundles=dict(self.bundles), payloads=dict(self.payloads))

    def predicate(self, kind: type[Predicate], **changes: Any) -> Any:
        """A statement of this handoff; keywords replace its fields."""
        common = {
            "transfer": TRANSFER,
            "sender": ACME,
            "receiver": BOREALIS,
            "artifact": self.packed.manifest.root,
            "agreement": self.agreement.digest,
            "nonce": sha256(f"{kind.__name__}{sorted(changes)}".encode())[:32],
            "issued": MADE + timedelta(minutes=10),
            "checkpoint": "",
        }
        return kind.model_validate(common | self._own(kind) | changes)

    def _own(self, kind: type[Predicate]) -> dict[str, Any]:
        digests = {"manifest": self.packed.manifest.digest, "chunks": self.packed.chunks.digest}
        offer = {"offer": sha256(self.payloads.get("offer", b""))}
        later = MADE + timedelta(hours=1)
        if kind is Offer:
            said = {"own_checkpoint": "", "purpose": "evaluation", "impact": "none", "requester": ADA}
            return digests | said | {"decision": CITED, "expires": later}
        if kind is Acceptance:
            return offer | {"decision": CITED, "deadline": later}
        if kind is DeliveryReceipt:
            return offer | digests | {"size": 12, "decision": CITED}
        if kind in {Approval, ApprovalV1, BreakGlass}:
            said = {"requester": ADA, "purpose": "evaluation", "reason": "reviewed", "policy": POLICY, "expires": later}
            bound = {"action": "send", "plan": POLICY, "waives": ("extra",), "not_before": MADE}
            ticket = {"ticket": "INC-17"} if kind is BreakGlass else {}
            return said | (bound | ticket if kind is not ApprovalV1 else {})
        receipt = sha256(self.payloads.get("receipt", b""))
        return offer | {"receipt": receipt, "verdict": "released", "findings": []}

    def say(self, name: str, predicate: Predicate, *, by: str | None = None) -> None:
        """Have a statement signed, and keep it under its name in a bill."""
        office = self.acme if isinstance(predicate, Offer | Approval) else self.borealis
        who = by or (ADA if office is self.acme else office.settings.service_identity)
        self.payloads[name] = predicate.statement()
        self.bundles[name] = office.sign(self.payloads[name], who)

    def log(self, office: Office, kind: str, name: str) -> None:
        """Log an event about the statement `name` of this transfer."""
        office.log.record(
            Event(
                id=event_id(TRANSFER, kind, sha256(self.payloads[name])),
                type=kind,
                actor=office.settings.service_identity,
                transfer=TRANSFER,
                statement=sha256(self.payloads[name]),
            )
        )

    def evidence(self, office: Office, *, witness: Office | None, without: str = "") -> LogEvidenceV1:
        """What a log says about the transfer, under its newest checkpoint, cosigned if there is a witness."""
        log, note = office.log, office.log.checkpoint()
        size = read_checkpoint(note).size
        if witness is not None:
            note = cosigned(office, witness)
        entries = [each for each in log.of_transfer(TRANSFER) if each.type != without]
        proofs = {
            each.index: [base64.b64encode(node).decode() for node in log.prove(each.index, size)] for each in entries
        }
        return LogEvidenceV1(
            checkpoint=note.decode(),
            entries=[
                EntryEvidence(index=each.index, leaf=base64.b64encode(each.leaf).decode(), proof=proofs[each.index])
                for each in entries
            ],
        )

    def bill(self, **changes: Any) -> BillV1:
        """A bill that Acme issues about this handoff; keywords replace its fields."""
        manifest = self.packed.manifest
        facts: dict[str, Any] = {
            "transfer": TRANSFER,
            "issuer": ACME,
            "issued": MADE + timedelta(hours=2),
            "sender": ACME,
            "receiver": BOREALIS,
            "artifact": manifest.root,
            "manifest": manifest.canonical().decode(),
            "agreement": self.agreement.canonical().decode(),
            "signatures": {name: json.loads(bundle) for name, bundle in self.bundles.items()},
            "decision": RECORD,
            "logs": {
                ACME: self.evidence(self.acme, witness=self.borealis),
                BOREALIS: self.evidence(self.borealis, witness=self.acme),
            },
            "trust": {org: fingerprint(TrustFolder(self.trust).partner(org)) for org in (ACME, BOREALIS)},
        }
        return BillV1(**facts | changes)

    def issue(self, bill: AnyBill, *, who: str = ADA, signer: NoteSigner | None = None) -> bytes:
        """Sign and seal a bill, as its issuer may for any content: an honest one and a dishonest one alike."""
        office = self.acme if who.endswith(ACME) else self.borealis
        return seal_bill(bill, office.sign(bill.statement(), who), signer or office.log_signer)


def cosigned(office: Office, witness: Office) -> bytes:
    """Return a log's newest checkpoint with the cosignature of another organization's witness."""
    note, size = office.log.checkpoint(), office.log.size
    last = witness.witness.last(office.origin)
    old = last.size if last else 0
    proof = office.log.prove_consistency(old, size) if 0 < old < size else []
    answer = witness.witness.add_checkpoint(add_checkpoint_body(old, proof, note))
    assert answer.status == 200, answer.body
    vkey = office.trust.partner(witness.organization).witness_keys[0]
    office.log.add_cosignature(size, answer.body, NoteKey.parse(vkey))
    return office.log.cosigned_checkpoint(f"{witness.organization}/lading/witness") or b""


def long_ago() -> datetime:
    """When the workspaces were made and their trust documents pinned; those live for one year."""
    return MADE - timedelta(days=730)


def open_office(folder: Path, org: str, admin: str) -> Office:
    create(folder, org=org, name=org, region="EU", admin=admin, clock=long_ago)
    return Office(Layout(folder))


def pin(trust: TrustFolder, *homes: Path) -> None:
    """Confirm the trust documents of other workspaces."""
    for home in homes:
        document = trust.add_pending((home / "trust" / "own" / "trust.json").read_bytes(), now=long_ago())
        trust.confirm(document.organization, fingerprint(document), now=long_ago())


@pytest.fixture(scope="session")
def handoff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handoff]:
    folder = tmp_path_factory.mktemp("custody")
    with (
        open_office(folder / "acme", ACME, "ada") as acme,
        open_office(folder / "borealis", BOREALIS, "bea") as borealis,
    ):
        pin(acme.trust, borealis.layout.home)
        pin(borealis.trust, acme.layout.home)
        pin(TrustFolder(folder / "auditor"), acme.layout.home, borealis.layout.home)
        (folder / "model").mkdir()
        (folder / "model" / "config.json").write_text("{}")
        packed = pack(folder / "model", name="sentiment", version="3.1", organization=ACME, created=MADE)
        made = Handoff(acme, borealis, packed, agree(), folder / "auditor")
        hand_over(made)
        yield made


def agree(**changes: Any) -> Agreement:
    terms = {
        "purposes": ("evaluation",),
        "actions": ("view",),
        "destinations": ("EU",),
        "retention_days": 90,
        "deletion_duty": "none",
        "max_sensitivity": "internal",
        "onward_transfer": False,
        "ownership": "provider",
        "audit_rights": True,
    }
    facts = {"format": "lading/agreement/v1", "id": "acme-borealis", "provider": ACME, "consumer": BOREALIS}
    dates = {"effective": timestamp(MADE - timedelta(days=60)), "expires": timestamp(MADE + timedelta(days=300))}
    return Agreement.model_validate(facts | dates | {"terms": terms, "accepted_formats": ("json",)} | changes)


def hand_over(made: Handoff) -> None:
    """Sign and log everything, in the order in which it happens."""
    manifest, agreement = made.packed.manifest, made.agreement
    files = [(file.path, file.sha256) for file in manifest.files]
    made.bundles["model"] = made.acme.sign(model_statement(manifest.name, files), ADA)
    label = f"{manifest.name}:{manifest.version}"
    made.bundles["manifest"] = made.acme.sign(manifest_statement(label, manifest.root, manifest.digest), ADA)
    made.bundles[f"agreement:{ACME}"] = made.acme.sign(agreement.statement(), ADA)
    made.bundles[f"agreement:{BOREALIS}"] = made.borealis.sign(agreement.statement(), BEA)
    made.say("offer", made.predicate(Offer))
    made.log(made.acme, "transfer.offered", "offer")
    made.say("acceptance", made.predicate(Acceptance))
    made.log(made.borealis, "transfer.accepted", "acceptance")
    made.say("receipt", made.predicate(DeliveryReceipt))
    made.log(made.borealis, "receipt.issued", "receipt")
    made.log(made.acme, "receipt.received", "receipt")
    made.say("verdict", made.predicate(Verdict))
    made.log(made.borealis, "verdict.issued", "verdict")
    made.log(made.acme, "verdict.received", "verdict")
