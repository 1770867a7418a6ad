"""Taking an artifact in: acceptance before the first byte, receipt after the last, policy asked at both ends."""

import json
from datetime import timedelta
from typing import Final, TypeVar

from engine.custody.statements import Acceptance, Answer, DecisionCited, DeliveryReceipt
from engine.digest import JSON, canonical, sha256
from engine.errors import EvidenceError, InputError
from engine.events import timestamp
from engine.gateway.incoming import ACCEPTED, COMMITTED, EXPIRED, REVOKED, Incoming
from engine.gateway.offers import Offered, ask_receive, check_current, check_id, check_terms, examine, read_offer
from engine.gateway.parts import GatewayParts
from engine.policy.facts import PARTNER_ZONE
from engine.policy.model import Decision
from engine.text import agreeing, counted
from engine.wire.control import Accepted
from engine.wire.journal import State
from engine.wire.messages import AcceptanceMessage, OfferMessage
from engine.wire.problem import ProblemError, expired, revoked

Said = TypeVar("Said", bound=Answer)

ACCEPTANCE_LIFE: Final = timedelta(days=7)
"""How long an acceptance stands, beside the time that the artifact takes at `SLOWEST_RATE`."""
SLOWEST_RATE: Final = 1 << 20
"""Bytes per second."""
ORIGIN_UNKNOWN: Final = "origin-unknown"
SIGNATURE_CHECKS: Final = ("model-signature", "manifest-attestation", ORIGIN_UNKNOWN)
TALK: Final = "Talk to the receiving organization, and name the decision."


def accept(parts: GatewayParts, offered: Offered, zone: str) -> Accepted:
    """Examine a new offer that came from a network zone, ask policy, and answer with a signed acceptance.

    Raises:
        ProblemError: policy denies; the partner learns the decision's id and what may be disclosed. Or the offer is
            not current, or its id is none for a new one.
    """
    check_current(parts, offered)
    check_id(parts, offered.offer)
    transfer = _incoming(parts, offered)
    try:
        parts.remember(offered.offer.sender, offered.offer.own_checkpoint.encode())
    except EvidenceError as error:
        why = str(error)
        occurrence = f"{offered.digest}:{sha256(why.encode())}"
        parts.log.record(parts.event(transfer, "witness.refused", occurrence, {"why": why}))
        raise _denied(parts, transfer, str(error), codes=("log-refused",)) from None
    try:
        parts.registry.check_free(offered.manifest)
        standing = parts.standing(offered.offer.agreement)
        check_terms(offered.offer, standing)
    except InputError as error:
        raise _denied(parts, transfer, str(error), codes=("offer-denied",)) from None
    _record_custody(parts, transfer, offered)
    report = examine(parts, offered, standing)
    kind = "validation.passed" if report.passed else "validation.failed"
    payload: dict[str, JSON] = {"report": report.to_json()}
    parts.log.record(parts.event(transfer, kind, f"preflight:{offered.digest}", payload, statement=offered.digest))
    signed = not any(code.startswith(SIGNATURE_CHECKS) for code in report.failed_codes)
    decision = ask_receive(parts, offered, standing, report.failed_codes, signed=signed, zone=zone)
    if not decision.permitted:
        why = "; ".join(decision.because)
        codes = decision.disclosed or ("offer-denied",)
        if ORIGIN_UNKNOWN in report.failed_codes:
            raise _denied(
                parts, transfer, why, codes=(*codes, ORIGIN_UNKNOWN), decision=decision.id, remedy=_pin(parts, offered)
            )
        raise _denied(parts, transfer, why, codes=codes, decision=decision.id)
    return _promise(parts, transfer, offered, decision, zone)


def accept_again(parts: GatewayParts, known: Incoming, offered: Offered) -> Accepted:
    """Answer an offer that was accepted before, exactly as before.

    Raises:
        ProblemError: 409 if another offer has this id; as `demand_standing`.
    """
    kept = parts.table.document(known.id, "offer-digest") or b""
    if known.partner != offered.offer.sender or kept.decode() != offered.digest:
        raise ProblemError(409, "Another offer has this id", codes=("offer-reused",))
    demand_standing(parts, known)
    return _answer(parts, known, known_before=True)


def demand_standing(parts: GatewayParts, transfer: Incoming) -> None:
    """Demand that a transfer was not stopped; one that is not here whole by its deadline is stopped now.

    Raises:
        ProblemError: 403 if policy stopped it, 410 if its time is over.
    """
    if transfer.state == REVOKED:
        raise revoked()
    if transfer.state == EXPIRED:
        raise expired()
    if transfer.state == ACCEPTED:
        _expire(parts, transfer)


def ask_again(parts: GatewayParts, transfer: Incoming) -> None:
    """Ask policy once more whether a transfer may go on; stop it within one chunk if not.

    Raises:
        ProblemError: 403, policy no longer permits it; as `demand_standing`.
    """
    demand_standing(parts, transfer)
    offered = kept_offer(parts, transfer)
    standing = parts.standing(transfer.agreement)
    kept = parts.table.document(transfer.id, "zone")
    zone = PARTNER_ZONE if kept is None else kept.decode()  # release 0.1.0 kept none
    decision = ask_receive(parts, offered, standing, (), signed=True, zone=zone)
    if decision.permitted:
        return
    parts.journal.set_state(transfer.id, State.REVOKED)
    payload: dict[str, JSON] = {"why": list(decision.because)}
    parts.log.record(parts.event(transfer, "transfer.failed", decision.id, payload))
    _purge(parts, transfer)
    parts.table.save(transfer, state=REVOKED, step="send", detail="; ".join(decision.because))
    raise revoked()


def issue_receipt(parts: GatewayParts, transfer: Incoming) -> bytes:
    """Return the signed delivery receipt, making it once everything is here.

    Raises:
        ProblemError: 409 while chunks are missing, 403 if policy no longer permits; as `demand_standing`.
    """
    kept = parts.table.document(transfer.id, "receipt")
    if kept is None:
        kept = _sign_receipt(parts, transfer)
    receipt = _own(parts, kept, DeliveryReceipt)
    payload: dict[str, JSON] = {"size": receipt[0].size, "issued": timestamp(receipt[0].issued)}
    parts.log.record(parts.event(transfer, "receipt.issued", receipt[0].nonce, payload, statement=receipt[1]))
    return kept


def kept_offer(parts: GatewayParts, transfer: Incoming) -> Offered:
    """Return the offer a transfer was accepted with, verified again."""
    kept = parts.table.document(transfer.id, "message") or b""
    return read_offer(parts, transfer.partner, OfferMessage.parse(kept))


def _incoming(parts: GatewayParts, offered: Offered) -> Incoming:
    offer, manifest, now = offered.offer, offered.manifest, parts.clock().timestamp()
    sizes = dict(offered.chunks.distinct)
    return Incoming(
        id=offer.transfer,
        partner=offer.sender,
        artifact=offer.artifact,
        name=manifest.name,
        version=manifest.version,
        agreement=offer.agreement,
        purpose=offer.purpose,
        actor=offer.requester,
        state=ACCEPTED,
        step="send",
        detail="",
        chunks_total=len(sizes),
        bytes_total=sum(sizes.values()),
        started=now,
        updated=now,
    )


def _promise(parts: GatewayParts, transfer: Incoming, offered: Offered, decision: Decision, zone: str) -> Accepted:
    """Make room, sign the acceptance, keep it, record it, and only then answer."""
    offer, now = offered.offer, parts.clock()
    scope = parts.store.open_scope(transfer.agreement)
    parts.journal.create(
        transfer.id,
        peer=transfer.partner,
        agreement=transfer.agreement,
        scope_public=scope.public,
        chunks=offered.chunks.distinct,
    )
    cited = DecisionCited(id=decision.id, decision="permit", policy=decision.bundle_digest)
    acceptance = Acceptance(
        **offer.shared(issued=now, checkpoint=parts.newest_checkpoint(offer.sender)),
        offer=offered.digest,
        decision=cited,
        deadline=now + ACCEPTANCE_LIFE + timedelta(seconds=transfer.bytes_total // SLOWEST_RATE),
    )
    documents = {
        "message": offered.message.body(),
        "offer-digest": offered.digest.encode(),
        "acceptance": parts.sign(acceptance.statement()),
        "decision": decision.record,
        "zone": zone.encode(),
        "cited": cited.model_dump_json().encode(),
    }
    parts.table.add(transfer, documents)
    return _answer(parts, transfer, known_before=False)


def _answer(parts: GatewayParts, transfer: Incoming, *, known_before: bool) -> Accepted:
    kept = parts.table.document(transfer.id, "acceptance") or b""
    acceptance, statement = _own(parts, kept, Acceptance)
    payload: dict[str, JSON] = {
        "requester": transfer.actor,
        "deadline": timestamp(acceptance.deadline),
        "checkpoint": kept_offer(parts, transfer).offer.own_checkpoint,
    }
    parts.log.record(parts.event(transfer, "transfer.accepted", acceptance.nonce, payload, statement=statement))
    message = AcceptanceMessage(
        transfer=transfer.id, acceptance=json.loads(kept), checkpoint=parts.log.checkpoint().decode()
    )
    return Accepted(message, known_before)


def _sign_receipt(parts: GatewayParts, transfer: Incoming) -> bytes:
    demand_standing(parts, transfer)
    lacking = sum(parts.journal.missing(transfer.id))
    if lacking:
        raise ProblemError(
            409,
            "Not everything is here",
            f"{counted(lacking, 'chunks')} {agreeing(lacking, 'are')} missing",
            codes=("chunks-missing",),
            remedy="Ask what is missing, send it, and commit again.",
        )
    ask_again(parts, transfer)
    offered = kept_offer(parts, transfer)
    parts.journal.set_state(transfer.id, State.CLOSED)
    _register(parts, transfer, offered)
    cited = parts.table.document(transfer.id, "cited") or b""
    offer = offered.offer
    receipt = DeliveryReceipt(
        **offer.shared(issued=parts.clock(), checkpoint=parts.newest_checkpoint(offer.sender)),
        offer=offered.digest,
        manifest=offer.manifest,
        chunks=offer.chunks,
        size=offered.manifest.size,
        decision=DecisionCited.model_validate_json(cited),
    )
    signed = parts.sign(receipt.statement())
    parts.table.save(transfer, state=COMMITTED, step="verdict", documents={"receipt": signed})
    return signed


def _register(parts: GatewayParts, transfer: Incoming, offered: Offered) -> None:
    """Record the artifact, quarantined, with the signatures it came with."""
    parts.keep_attestation(transfer.artifact, "model", canonical(offered.message.model_signature))
    parts.keep_attestation(transfer.artifact, "manifest", canonical(offered.message.manifest_attestation))
    parts.registry.add_received(
        offered.manifest,
        offered.chunks,
        transfer=transfer.id,
        agreement=transfer.agreement,
        origin=offered.manifest.organization,
    )


def _own(parts: GatewayParts, bundle: bytes, kind: type[Said]) -> tuple[Said, str]:
    """Read a statement of our own; return it with the SHA-256 of what was signed."""
    signed = parts.trust(parts.organization).verify(bundle, predicate_type=kind.predicate_type())
    return kind.read(signed), sha256(signed.payload)


def _pin(parts: GatewayParts, offered: Offered) -> str:
    """Word what helps when this organization has not pinned whoever made the artifact: to do so is its own decision."""
    origin = offered.manifest.organization
    return (
        f"{parts.organization} has not pinned the trust document of {origin}, which made the artifact: its people can, "
        'with "lading partner add" and "lading partner confirm". Then send again.'
    )


def _record_custody(parts: GatewayParts, transfer: Incoming, offered: Offered) -> None:
    """Record the chain of custody that came with an onward offer, and how far it is proved, before anybody decides."""
    newest = offered.offer.custody
    if newest is not None:
        payload: dict[str, JSON] = {"links": [link.to_json() for link in offered.chain]}
        parts.log.record(
            parts.event(transfer, "custody.linked", f"{offered.digest}:{newest}", payload, statement=newest)
        )


def _denied(
    parts: GatewayParts,
    transfer: Incoming,
    why: str,
    *,
    codes: tuple[str, ...],
    decision: str | None = None,
    remedy: str = TALK,
) -> ProblemError:
    occurrence = decision or f"{transfer.artifact}:{sha256(why.encode())}"
    parts.log.record(parts.event(transfer, "transfer.refused", occurrence, {"why": why[:2000]}))
    return ProblemError(
        403,
        "Not accepted",
        codes=codes,
        decision=decision,
        remedy=remedy,
    )


def _expire(parts: GatewayParts, transfer: Incoming) -> None:
    """End a transfer whose deadline has passed, unless everything is here; repeating it after a crash finishes it.

    Raises:
        ProblemError: 410, its time is over.
    """
    acceptance, statement = _own(parts, parts.table.document(transfer.id, "acceptance") or b"", Acceptance)
    if parts.clock() < acceptance.deadline or not parts.journal.expire(transfer.id):
        return
    deadline = timestamp(acceptance.deadline)
    payload: dict[str, JSON] = {"deadline": deadline, "chunks": transfer.chunks_total}
    parts.log.record(parts.event(transfer, "transfer.expired", acceptance.nonce, payload, statement=statement))
    _purge(parts, transfer)
    parts.table.save(transfer, state=EXPIRED, step="send", detail=f"not everything had come by {deadline}")
    raise expired()


def _purge(parts: GatewayParts, transfer: Incoming) -> None:
    """Discard what came of a transfer that was stopped, unless another one relies on it."""
    scope = parts.store.open_scope(transfer.agreement)
    mine = parts.journal.exclusive(transfer.id)
    came = parts.journal.counts(transfer.id).chunks
    reverted = parts.event(transfer, "transfer.reverted", "", {"chunks": came})
    if came and parts.log.find(reverted.id) is None:
        parts.log.record(reverted)
    parts.store.discard(scope, mine)
    parts.journal.forget(transfer.id, mine)
