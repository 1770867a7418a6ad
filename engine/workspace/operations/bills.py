"""Bills of lading: gather what proves a finished transfer, sign it, seal it."""

import base64
import json

from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import NoteKey
from engine.custody.bill import Bill, EntryEvidence, LogEvidence, issue, seal_bill
from engine.digest import JSON
from engine.errors import UsageError
from engine.signing.trust_document import fingerprint
from engine.transfer.outgoing import Outgoing
from engine.transfer.reports import transfer_event
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params

FINISHED = frozenset({"completed", "quarantined"})


class Create(Params):
    """`transfer`: its id, or a unique prefix of it."""

    transfer: str


def create(office: Office, call: Call, params: Create) -> dict[str, JSON]:
    """Build, sign and seal the bill of a finished transfer that this organization sent."""
    who = office.caller(call.token).identity
    transfer = office.outgoing.get(params.transfer)
    if transfer.state not in FINISHED:
        raise UsageError(
            f"{transfer.id} is {transfer.state}: there is no bill before it is finished",
            remedy="Finish it with 'lading send', then create the bill.",
        )
    bill = _gather(office, transfer)
    data = seal_bill(bill, office.sign(bill.statement(), who), office.log_signer)
    payload: dict[str, JSON] = {"digest": bill.digest, "size": len(data)}
    office.log.record(transfer_event(transfer, "bill.created", bill.digest, payload, actor=who))
    return {"bill": data.decode(), "transfer": transfer.id, "size": len(data), "signed_by": who}


def _gather(office: Office, transfer: Outgoing) -> Bill:
    artifact = office.registry.get(transfer.artifact)
    agreement = office.agreements.get(transfer.agreement)
    parties = (office.organization, transfer.partner)
    kept = {name: office.outgoing.document(transfer.id, name) for name in ("offer", "acceptance", "receipt", "verdict")}
    signatures = {name: json.loads(bundle or b"null") for name, bundle in kept.items()}
    signatures |= {name: json.loads(office.attestation(artifact.root, name)) for name in ("model", "manifest")}
    for org, bundle in office.agreements.bundles(agreement.digest).items():
        signatures[f"agreement:{org}"] = json.loads(bundle)
    theirs = json.loads(office.outgoing.document(transfer.id, "evidence") or b"{}")
    return Bill(
        transfer=transfer.id,
        issuer=office.organization,
        issued=issue(office.clock()),
        sender=office.organization,
        receiver=transfer.partner,
        artifact=artifact.root,
        manifest=artifact.manifest.canonical().decode(),
        agreement=agreement.canonical().decode(),
        signatures=signatures,
        decision=(office.outgoing.document(transfer.id, "decision") or b"").decode(),
        logs={
            office.organization: _own_log(office, transfer),
            transfer.partner: LogEvidence.model_validate(theirs),
        },
        trust={org: fingerprint(office.trust.document(org)) for org in parties},
    )


def _own_log(office: Office, transfer: Outgoing) -> LogEvidence:
    """Prove this log's entries about the transfer under the newest checkpoint the partner cosigned."""
    witnesses = [NoteKey.parse(vkey).name for vkey in office.trust.partner(transfer.partner).witness_keys]
    cosigned = [note for name in witnesses if (note := office.log.cosigned_checkpoint(name)) is not None]
    note = max(cosigned, key=lambda each: read_checkpoint(each).size) if cosigned else office.log.checkpoint()
    size = read_checkpoint(note).size
    return LogEvidence(
        checkpoint=note.decode(),
        entries=[
            EntryEvidence(
                index=entry.index,
                leaf=base64.b64encode(entry.leaf).decode(),
                proof=[base64.b64encode(node).decode() for node in office.log.prove(entry.index, size)],
            )
            for entry in office.log.of_transfer(transfer.id)
            if entry.index < size
        ],
    )
