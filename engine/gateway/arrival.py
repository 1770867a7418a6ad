"""After the last byte: check what arrived, say what it is worth, release it or keep it in quarantine."""

from collections.abc import Iterator

from engine.checks import Use, arrival, arrived_files
from engine.custody.statements import DeliveryReceipt, Verdict
from engine.digest import JSON, canonical, sha256
from engine.findings import Report
from engine.gateway.admission import kept_offer
from engine.gateway.incoming import COMMITTED, Incoming
from engine.gateway.offers import Offered, evidence_of
from engine.gateway.parts import GatewayParts
from engine.manifest import FileEntry


def judge_arrival(parts: GatewayParts, transfer: Incoming) -> Incoming:
    """Run the arrival checks on a committed transfer, sign the verdict, and act on it.

    Doing it again after a crash finds the verdict that was signed, and finishes what it says.
    """
    if transfer.state != COMMITTED:
        return transfer
    offered = kept_offer(parts, transfer)
    kept = parts.table.document(transfer.id, "verdict")
    if kept is None:
        report = examine_arrival(parts, transfer, offered)
        kept = _sign_verdict(parts, transfer, offered, report)
        documents = {"verdict": kept, "arrival": canonical(report.to_json())}
        parts.table.save(transfer, state=COMMITTED, step="verdict", documents=documents)
    return _act(parts, transfer, kept)


def examine_arrival(parts: GatewayParts, transfer: Incoming, offered: Offered) -> Report:
    """Check every file from what is stored, every signature again, and the agreement as it stands now."""
    scope = parts.store.open_scope(transfer.agreement)
    pieces = {file.path: [chunk.sha256 for chunk in file.chunks] for file in offered.chunks.files}

    def read(entry: FileEntry) -> Iterator[memoryview]:
        return parts.store.pieces(scope, pieces[entry.path])  # the check computes the digest of the whole file

    return arrival(
        files=arrived_files(offered.manifest, read),
        evidence=evidence_of(parts, offered.manifest, offered.message),
        standing=parts.standing(transfer.agreement),
        use=Use(transfer.partner, parts.organization, transfer.purpose, parts.region),
    )


def _sign_verdict(parts: GatewayParts, transfer: Incoming, offered: Offered, report: Report) -> bytes:
    receipt = parts.table.document(transfer.id, "receipt") or b""
    receipted = parts.trust(parts.organization).verify(receipt, predicate_type=DeliveryReceipt.predicate_type())
    offer = offered.offer
    verdict = Verdict(
        **offer.shared(issued=parts.clock(), checkpoint=parts.newest_checkpoint(offer.sender)),
        offer=offered.digest,
        receipt=sha256(receipted.payload),
        verdict="released" if report.passed else "quarantined",
        findings=list(report.failed_codes),
    )
    return parts.sign(verdict.statement())


def _act(parts: GatewayParts, transfer: Incoming, bundle: bytes) -> Incoming:
    """Record the verdict, then do what it says: a release is never visible before its event is durable."""
    signed = parts.trust(parts.organization).verify(bundle, predicate_type=Verdict.predicate_type())
    verdict, statement = Verdict.read(signed), sha256(signed.payload)
    released = verdict.verdict == "released"
    findings: list[JSON] = list(verdict.findings)
    payload: dict[str, JSON] = {"verdict": verdict.verdict, "findings": findings}
    kinds = (
        "validation.passed" if released else "validation.failed",
        "verdict.issued",
        "artifact.released" if released else "artifact.quarantined",
    )
    parts.log.record_many(
        [parts.event(transfer, kind, f"arrival:{verdict.nonce}", payload, statement=statement) for kind in kinds]
    )
    if released:
        parts.registry.set_state(transfer.artifact, "released")
    state = "completed" if released else "quarantined"
    return parts.table.save(transfer, state=state, step="done", detail=", ".join(verdict.findings))
