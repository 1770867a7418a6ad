"""The steps of a transfer. Each takes a transfer as it stands and returns it as it stands afterwards, saved.

    preflight ─▶ decide ─▶ offer ─▶ send ─▶ commit ─▶ verdict ─▶ witness ─▶ done
                    └─▶ awaiting-approval         (a second person grants it, and decide runs again)

A step may be repeated at any time: what it made before is found again, what it recorded is recorded once.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from engine.checks import Evidence, Space, Use, preflight
from engine.custody.answers import check_answer, check_order
from engine.custody.statements import (
    Acceptance,
    Answer,
    DecisionCited,
    DeliveryReceipt,
    Offer,
    OnwardTerms,
    Verdict,
    fresh_nonce,
)
from engine.digest import JSON, canonical, sha256
from engine.errors import BadSignature, Interrupted, Refused
from engine.events import timestamp
from engine.findings import Report
from engine.manifest.artifact import Artifact
from engine.signing import Signed
from engine.transfer.asking import ask_send
from engine.transfer.evidence import collect_evidence, collect_record, seek_cosignature
from engine.transfer.network import anywhere, permitted
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import OFFER_LIFE, VERDICT_SECONDS, Parts
from engine.transfer.reports import footprint, refuse, transfer_event
from engine.transfer.sending import reconnecting, ship
from engine.wire.messages import LinkMessage, OfferMessage

PAUSE_SECONDS: Final = 0.1

Step = Callable[[Parts, Outgoing], Outgoing]
Said = TypeVar("Said", bound=Answer)


def check(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Check files, signatures and agreement; a failure is a fact for policy, not the end."""
    report = run_preflight(parts, transfer, parts.registry.get(transfer.artifact))
    body = canonical(report.to_json())
    kind = "validation.passed" if report.passed else "validation.failed"
    parts.recorder.record(transfer_event(transfer, kind, sha256(body), {"report": report.to_json()}))
    return parts.table.save(replace(transfer, step="decide"), {"preflight": body})


def run_preflight(parts: Parts, transfer: Outgoing, artifact: Artifact) -> Report:
    """Run the sender's preflight checks without keeping anything."""
    evidence = Evidence(
        manifest=artifact.manifest,
        model_signature=parts.attestation(artifact.root, "model"),
        manifest_attestation=parts.attestation(artifact.root, "manifest"),
        origin=parts.trust(artifact.origin),
    )
    return preflight(
        files=parts.source(artifact).check(artifact.manifest),
        evidence=evidence,
        standing=parts.standing(transfer.agreement),
        use=Use(parts.organization, transfer.partner, transfer.purpose, parts.region(transfer.partner)),
        space=Space(free=lambda: 0, size=0, reserve=0),
    )


def decide(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Ask policy. A denial for want of an approval waits for one; any other is final."""
    decision = ask_send(parts, transfer)
    conditions: list[JSON] = [
        {"policy": each.policy, "sentence": each.sentence, "remedy": each.remedy} for each in decision.conditions
    ]
    kept = {"decision": decision.record, "conditions": canonical(conditions)}
    if decision.permitted:
        cited = {"id": decision.id, "decision": "permit", "policy": decision.bundle_digest}
        ready = replace(transfer, step="offer", state="offered", detail="")
        return parts.table.save(ready, kept | {"cited": canonical(cited)})
    detail = "; ".join(decision.because)
    if decision.obligations == ("approval",):
        return parts.table.save(replace(transfer, state="awaiting-approval", detail=detail), kept)
    return parts.table.save(replace(transfer, state="denied", detail=detail), kept)


def offer(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Sign the offer, make it, and keep the partner's acceptance."""
    kept = parts.table.document(transfer.id, "offer")
    if kept is None or read_offer(parts, transfer)[0].expires <= parts.clock():
        kept = _sign_offer(parts, transfer)
    made, signed = read_offer(parts, transfer)
    _record_custody(parts, transfer, made)
    payload = {"purpose": made.purpose, "impact": made.impact, "requester": made.requester}
    parts.recorder.record(
        transfer_event(transfer, "transfer.offered", made.nonce, payload, statement=sha256(signed.payload))
    )
    try:
        answer = reconnecting(parts, lambda: permitted(parts, transfer).offer(_message(parts, transfer, kept)))
    except Refused as refusal:
        return refuse(parts, transfer, refusal)
    accepted, statement = _read_answer(parts, transfer, Acceptance, answer.acceptance)
    keep_checkpoint(parts, transfer, answer.checkpoint)
    parts.recorder.record(
        transfer_event(
            transfer,
            "transfer.accepted",
            accepted.nonce,
            {"deadline": timestamp(accepted.deadline)},
            statement=statement,
        )
    )
    return parts.table.save(
        replace(transfer, step="send", state="offered", detail=""), {"acceptance": canonical(answer.acceptance)}
    )


def send(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Send what the partner lacks; see `engine.transfer.sending`."""
    return ship(parts, transfer)


def commit(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Say that all is sent, and keep the delivery receipt."""
    try:
        answer = reconnecting(parts, lambda: permitted(parts, transfer).commit(transfer.id))
    except Refused as refusal:
        return refuse(parts, transfer, refusal)
    receipt, statement = _read_answer(parts, transfer, DeliveryReceipt, answer.receipt)
    keep_checkpoint(parts, transfer, answer.checkpoint)
    payload: dict[str, JSON] = {
        "size": receipt.size,
        "issued": timestamp(receipt.issued),
        "footprint": _footprint(parts, transfer, "commit"),
    }
    parts.recorder.record(transfer_event(transfer, "receipt.received", receipt.nonce, payload, statement=statement))
    return parts.table.save(
        replace(transfer, step="verdict", state="validating"), {"receipt": canonical(answer.receipt)}
    )


def verdict(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Wait for what the partner's arrival checks say.

    Raises:
        Interrupted: no verdict within ten minutes; asking again later goes on here.
    """
    deadline = time.monotonic() + VERDICT_SECONDS
    while True:
        answer = reconnecting(parts, lambda: parts.connect(transfer.partner, anywhere).status(transfer.id))
        if answer.verdict is not None:
            break
        if time.monotonic() >= deadline or parts.stop.wait(PAUSE_SECONDS):
            raise Interrupted(
                f"{transfer.partner} has not said what its arrival checks found",
                remedy="Everything was delivered and receipted. Run 'lading send' again later for the verdict.",
            )
    said, statement = _read_answer(parts, transfer, Verdict, answer.verdict)
    receipt = parts.table.document(transfer.id, "receipt") or b""
    if said.receipt != sha256(_payload(parts, transfer, DeliveryReceipt, receipt).payload):
        raise BadSignature(
            f"the verdict of {transfer.partner} is about another receipt", remedy="Ask them what they judged."
        )
    payload: dict[str, JSON] = {"verdict": said.verdict, "findings": list(said.findings)}
    parts.recorder.record(transfer_event(transfer, "verdict.received", said.nonce, payload, statement=statement))
    return parts.table.save(
        replace(transfer, step="witness", detail=", ".join(said.findings)),
        {"verdict": canonical(answer.verdict)},
    )


def witness(parts: Parts, transfer: Outgoing) -> Outgoing:
    """Have the partner witness this log, witness theirs, and keep the proofs of both."""
    partner = parts.connect(transfer.partner, anywhere)
    reconnecting(parts, lambda: seek_cosignature(parts, partner, transfer.partner))
    evidence = reconnecting(parts, lambda: collect_evidence(parts, partner, transfer.partner, transfer.id))
    record = reconnecting(parts, lambda: collect_record(partner, transfer.partner, transfer.id, evidence))
    kept = parts.table.document(transfer.id, "verdict") or b""
    said = Verdict.read(_payload(parts, transfer, Verdict, kept))
    state = "completed" if said.verdict == "released" else "quarantined"
    kind = "transfer.completed" if said.verdict == "released" else "transfer.failed"
    payload = {"verdict": said.verdict, "chunks": transfer.chunks_total, "sent": transfer.chunks_sent}
    parts.recorder.record(
        transfer_event(transfer, kind, said.nonce, payload | {"footprint": _footprint(parts, transfer, "witness")})
    )
    return parts.table.save(replace(transfer, step="done", state=state), {"evidence": evidence, "record": record})


STEPS: Final[dict[str, Step]] = {
    "preflight": check,
    "decide": decide,
    "offer": offer,
    "send": send,
    "commit": commit,
    "verdict": verdict,
    "witness": witness,
}


def read_offer(parts: Parts, transfer: Outgoing) -> tuple[Offer, Signed]:
    """Return the offer that was made, verified like anybody else's."""
    kept = parts.table.document(transfer.id, "offer") or b""
    signed = parts.trust(parts.organization).verify(kept, predicate_type=Offer.predicate_type())
    return Offer.read(signed), signed


def keep_checkpoint(parts: Parts, transfer: Outgoing, note: str) -> None:
    """Remember a checkpoint the partner showed, after its log's pinned key verified it."""
    parts.remember(transfer.partner, note.encode())


def _sign_offer(parts: Parts, transfer: Outgoing) -> bytes:
    """Sign the offer, and keep it with the chain of custody that it names."""
    artifact, now = parts.registry.get(transfer.artifact), parts.clock()
    chain, newest = parts.custody(artifact)
    cited = parts.table.document(transfer.id, "cited") or b""
    predicate = Offer(
        transfer=transfer.id,
        sender=parts.organization,
        receiver=transfer.partner,
        artifact=transfer.artifact,
        agreement=transfer.agreement,
        nonce=fresh_nonce(),
        issued=now,
        checkpoint=parts.newest_checkpoint(transfer.partner),
        own_checkpoint=parts.recorder.checkpoint().decode(),
        manifest=artifact.manifest.digest,
        chunks=artifact.chunks.digest,
        purpose=transfer.purpose,
        impact=transfer.impact,
        requester=transfer.actor,
        decision=DecisionCited.model_validate_json(cited),
        expires=now + OFFER_LIFE,
        onward=OnwardTerms.of_agreement(parts.standing(transfer.agreement).agreement),
        custody=newest,
    )
    signed = parts.sign(predicate.statement(), transfer.actor)
    parts.table.save(transfer, {"offer": signed, "custody": canonical([link.bundles() for link in chain])})
    return signed


def _record_custody(parts: Parts, transfer: Outgoing, made: Offer) -> None:
    """Record which chain of custody goes with an onward offer, before it leaves."""
    if made.custody is not None:
        links = len(kept_chain(parts, transfer))
        parts.recorder.record(
            transfer_event(transfer, "custody.linked", made.custody, {"links": links}, statement=made.custody)
        )


def kept_chain(parts: Parts, transfer: Outgoing) -> list[dict[str, Any]]:
    """Return the chain of custody that goes with the offer of a transfer; empty if the sender made the artifact."""
    chain: list[dict[str, Any]] = json.loads(parts.table.document(transfer.id, "custody") or b"[]")
    return chain


def _message(parts: Parts, transfer: Outgoing, signed: bytes) -> OfferMessage:
    artifact = parts.registry.get(transfer.artifact)
    return OfferMessage(
        offer=json.loads(signed),
        manifest=artifact.manifest.canonical().decode(),
        chunks=artifact.chunks.canonical().decode(),
        model_signature=json.loads(parts.attestation(artifact.root, "model")),
        manifest_attestation=json.loads(parts.attestation(artifact.root, "manifest")),
        custody=tuple(LinkMessage(**link) for link in kept_chain(parts, transfer)) or None,
    )


def _footprint(parts: Parts, transfer: Outgoing, step: str) -> JSON:
    """Return what this process had used when a step was first taken; kept, so that the step again says the same."""
    name = f"footprint:{step}"
    kept = parts.table.document(transfer.id, name)
    if kept is None:
        kept = canonical(footprint())
        parts.table.save(transfer, {name: kept})
    used: JSON = json.loads(kept)
    return used


def _read_answer(parts: Parts, transfer: Outgoing, kind: type[Said], bundle: dict[str, object]) -> tuple[Said, str]:
    """Verify a statement of the partner; return it with the digest of what was signed."""
    signed = _payload(parts, transfer, kind, canonical(bundle))
    answer = kind.read(signed)
    made, offered = read_offer(parts, transfer)
    check_answer(answer, made, offered.payload)
    if kind is Acceptance:  # of what comes after it has gone, a wrong date undoes nothing
        check_order(signed, offered, parts.clock())
    return answer, sha256(signed.payload)


def _payload(parts: Parts, transfer: Outgoing, kind: type[Answer], bundle: bytes) -> Signed:
    return parts.trust(transfer.partner).verify(bundle, predicate_type=kind.predicate_type())
