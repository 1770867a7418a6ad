"""The answers to partners' requests. Each method runs in a thread, several at once."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.reader import LogReader
from engine.audit.witness import Answer
from engine.digest import JSON
from engine.errors import InputError
from engine.events import Event, event_id
from engine.gateway.admission import accept, accept_again, ask_again, demand_standing, issue_receipt
from engine.gateway.agreements import take_agreement
from engine.gateway.evidence import entries_about, evidence_message, openings, read_tile
from engine.gateway.incoming import ACCEPTED, COMMITTED, Incoming
from engine.gateway.offers import read_offer
from engine.gateway.parts import GatewayParts
from engine.gateway.refusals import Refusals
from engine.wire.control import Accepted
from engine.wire.messages import (
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceMessage,
    MissingMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    RefusalsMessage,
    StatusMessage,
)
from engine.wire.problem import ProblemError


class GatewayHandlers:
    """Implements `engine.wire.control.Handlers` for one organization.

    Args:
        parts: the rooms it works with.
        arrived: called with a transfer's id once its receipt is durable; starts the arrival checks.
        refusals: counts and records what was refused to whoever proved nothing.
    """

    def __init__(self, parts: GatewayParts, arrived: Callable[[str], None], refusals: Refusals) -> None:
        self._parts = parts
        self._arrived = arrived
        self._refusals = refusals
        self._one_agreement_at_a_time = threading.Lock()

    def offer(self, peer: str, message: OfferMessage, address: str) -> Accepted:
        """Decide about an offer; sign the acceptance. The same offer again gets the same acceptance."""
        offered = read_offer(self._parts, peer, message)
        with self._parts.deciding:
            known = self._parts.table.find(offered.offer.transfer)
            if known is not None:
                return accept_again(self._parts, known, offered)
            return accept(self._parts, offered, self._parts.zone(address))

    def missing(self, peer: str, transfer: str) -> MissingMessage:
        """Say which chunks are still to be sent; policy is asked again, for this is a new connection."""
        with self._parts.deciding:
            found = self._find(peer, transfer)
            if found.state == ACCEPTED:
                ask_again(self._parts, found)
            demand_standing(self._parts, found)
        return MissingMessage.of(self._parts.journal.missing(transfer))

    def commit(self, peer: str, transfer: str) -> ReceiptMessage:
        """Sign the delivery receipt, once every chunk is durable and policy still permits."""
        with self._parts.deciding:
            found = self._find(peer, transfer)
            kept = issue_receipt(self._parts, found)
            answer = ReceiptMessage(receipt=json.loads(kept), checkpoint=self._parts.log.checkpoint().decode())
        self._arrived(transfer)
        return answer

    def status(self, peer: str, transfer: str) -> StatusMessage:
        """Say how a transfer stands, with the receipt and the verdict as far as they are there."""
        found = self._find(peer, transfer)
        receipt = self._parts.table.document(transfer, "receipt")
        verdict = self._parts.table.document(transfer, "verdict")
        done = found.state != COMMITTED
        return StatusMessage(
            transfer=transfer,
            state=found.state,
            receipt=json.loads(receipt) if receipt else None,
            verdict=json.loads(verdict) if verdict and done else None,
        )

    def evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        """Return this log's entries about a transfer, either way, proved under the newest checkpoint."""
        self._expect_between(peer, transfer)
        log = self._parts.log_about(transfer)
        return self._evidence(log, peer, transfer, log.newest_checkpoint())

    def witnessed_evidence(self, peer: str, transfer: str) -> EvidenceMessage:
        """Return the same under the checkpoint that this partner and third parties cosigned, once there is one."""
        self._expect_between(peer, transfer)
        note = self._parts.witnessed_checkpoint(peer, transfer)
        return self._evidence(self._parts.log_about(transfer), peer, transfer, note)

    def record(self, peer: str, transfer: str) -> RecordMessage:
        """Return what this side discloses of its decisions and checks about a transfer, either way."""
        self._expect_between(peer, transfer)
        parts = self._parts
        shown = parts.statements(transfer) if parts.discloses else {}
        entries = entries_about(parts.log_about(transfer), peer, transfer, cited=parts.cited(transfer))
        return RecordMessage(
            organization=parts.organization,
            openings=openings(entries, discloses=parts.discloses),
            statements={name: json.loads(bundle) for name, bundle in shown.items()},
        )

    def annex(self, peer: str, transfer: str, message: AnnexRequest) -> AnnexMessage:
        """Return what replays this side's decisions about a transfer, either way, as far as it discloses that."""
        self._expect_between(peer, transfer)
        with self._parts.deciding:
            return self._parts.annex(transfer, message)

    def agreement(self, peer: str, message: AgreementMessage) -> AgreementMessage:
        """Take in an agreement with this partner and the partner's signature; return what is here."""
        with self._one_agreement_at_a_time:
            return take_agreement(self._parts, peer, message)

    def add_checkpoint(self, peer: str, body: bytes) -> tuple[int, bytes]:
        """Answer as a witness of this partner's log (C2SP tlog-witness)."""
        note = body.partition(b"\n\n")[2]
        try:
            claimed = read_checkpoint(note)
        except InputError as error:
            return 400, f"{error}\n".encode()
        if claimed.origin not in {key.name for key in self._parts.log_keys(peer)}:
            return 404, b"this log is not witnessed for you\n"
        last = self._parts.witness.last(claimed.origin)
        if self._parts.checkpoints.contradicts(peer, note):
            self._refuse(peer, claimed, "it contradicts a checkpoint that is remembered")
            return HTTPStatus.CONFLICT, b"%d\n" % (last.size if last else 0)
        answer = self._parts.witness.add_checkpoint(body)
        self._witnessed(peer, note, claimed, answer)
        return answer.status, answer.body

    def _witnessed(self, peer: str, note: bytes, claimed: Checkpoint, answer: Answer) -> None:
        """Record what our witness made of a partner's checkpoint, and keep what does not extend the one before."""
        if answer.status == HTTPStatus.OK:
            self._parts.log.record(self._witness_event("witness.cosigned", peer, claimed, ""))
            self._parts.checkpoints.remember(peer, note)
            return
        why = answer.body.decode("utf-8", "replace")[:500]
        if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            self._refusals.unsigned(peer, claimed.origin, why)
            return
        if answer.status == HTTPStatus.CONFLICT:
            last = self._parts.witness.last(claimed.origin)
            if last is None or claimed.size >= last.size:
                return  # the partner asks from which size to prove
            why = "more entries were cosigned before"
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            self._parts.checkpoints.unproven(peer, note)
        if answer.status != HTTPStatus.BAD_REQUEST:
            self._refuse(peer, claimed, why)

    def _refuse(self, peer: str, claimed: Checkpoint, why: str) -> None:
        """Record that a checkpoint that its log signed was not cosigned; or count it, if its log is found out already.

        INVARIANT: how many checkpoints a log signs that contradict each other is up to its owner. What is recorded of
        them is not.
        """
        if self._parts.checkpoints.accused(claimed):
            self._refusals.forked(peer, claimed.origin, why)
        else:
            self._parts.log.record(self._witness_event("witness.refused", peer, claimed, why))

    def _witness_event(self, kind: str, peer: str, claimed: Checkpoint, why: str) -> Event:
        """Return what became of a checkpoint that its log signed; the same of the same checkpoint is the same event.

        INVARIANT: `why` is one of a few texts, or one checkpoint could be recorded without end.
        """
        payload: dict[str, JSON] = {"origin": claimed.origin, "size": claimed.size, "why": why}
        return Event(
            id=event_id(claimed.origin, f"{kind}:{claimed.size}:{claimed.root.hex()}" + (f":{why}" if why else "")),
            type=kind,
            actor=self._parts.identity,
            partner=peer,
            payload=payload,
        )

    def checkpoint(self, peer: str) -> bytes:  # noqa: ARG002 - every confirmed partner may see it
        """Return the newest checkpoint with its cosignatures."""
        return self._parts.log.checkpoint()

    def tile(self, peer: str, path: str, log: int | None = None) -> bytes | None:  # noqa: ARG002 - hashes tell nothing
        """Return a tile of hashes, of this log or of a former one."""
        found = self._parts.log.reader if log is None else self._parts.log_numbered(log)
        return None if found is None else read_tile(found, path)

    def trust(self, peer: str) -> bytes:  # noqa: ARG002 - every confirmed partner may see it
        """Return this organization's signed trust document."""
        return self._parts.document()

    def refused(self, message: RefusalsMessage) -> None:
        """Take in what a listener refused by itself."""
        self._refusals.take(message)

    def _evidence(self, log: LogReader, peer: str, transfer: str, note: bytes) -> EvidenceMessage:
        cited = self._parts.cited(transfer)
        return evidence_message(self._parts.organization, log, peer, transfer, note, cited=cited)

    def _find(self, peer: str, transfer: str) -> Incoming:
        """Return a transfer of this partner; foreign and unknown ones answer alike."""
        found = self._parts.table.find(transfer)
        if found is None or found.partner != peer:
            raise ProblemError(404, "No such transfer", codes=("unknown-transfer",))
        return found

    def _expect_between(self, peer: str, transfer: str) -> None:
        """Answer 404 unless this partner sent the transfer, or gets it."""
        if self._parts.sent_to(transfer) != peer:
            self._find(peer, transfer)
