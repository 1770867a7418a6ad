"""What the gateway needs from the workspace, as one frozen bundle."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.agreement import AgreementFolder, Standing
from engine.audit.log import AuditLog
from engine.audit.note import NoteKey
from engine.audit.reader import LogReader
from engine.audit.witness import Witness
from engine.digest import JSON
from engine.events import Clock, Event, event_id
from engine.gateway.checkpoints import Checkpoints
from engine.gateway.incoming import Incoming, IncomingTable
from engine.manifest.registry import Registry
from engine.policy.judge import Judge
from engine.signing import OrganizationTrust
from engine.store import Store
from engine.wire.journal import Journal
from engine.wire.messages import AnnexMessage, AnnexRequest

RESERVE_BYTES: Final = 64 << 20
"""What an incoming artifact must leave free on the store's disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayParts:
    """The rooms an incoming transfer passes through, already composed for one organization.

    Attributes:
        organization: who receives.
        region: where it is, as agreements name destinations.
        identity: the gateway's own identity (SPIFFE ID), which signs the statements.
        sign: signs a statement as the gateway.
        trust: whose signatures count for an organization.
        log_about: the log that a transfer's entries are in: this one, or a former one.
        log_numbered: the log with a number at the end of its origin; None if it is not here.
        log_keys: the pinned keys of an organization's log.
        standing: how an agreement stands now, by digest.
        checkpoints: holds the checkpoints of partners' logs against each other.
        remember: takes in a checkpoint that a partner showed in an offer; see `Checkpoints.receive`.
        newest_checkpoint: the newest checkpoint of a partner's log that is remembered; empty before the first.
        keep_attestation: keeps the bundle `model` or `manifest` of an artifact.
        zone: the network zone that an address is in.
        document: this organization's signed trust document.
        sent_to: the partner of a transfer that this organization sends, by its id; None if there is none.
        cited: of a transfer, either way, the id of the log's entry that this side's statements cite; see
            `engine.custody.extract`.
        statements: the bundles of approvals that such a transfer rested on, by their names in a bill.
        witnessed_checkpoint: of the log about a transfer with a partner, the checkpoint that holds it and is witnessed
            best.
        annex: what replays this side's decisions about a finished transfer, for its partner; see `disclose_annex`.
        discloses: whether partners are shown the records of decisions about their transfers.
        deciding: held by whoever lets a transfer begin, end or be delivered: one at a time.
    """

    organization: str
    region: str
    identity: str
    clock: Clock
    log: AuditLog
    table: IncomingTable
    journal: Journal
    store: Store
    registry: Registry
    agreements: AgreementFolder
    judge: Judge
    witness: Witness
    checkpoints: Checkpoints
    sign: Callable[[bytes], bytes]
    trust: Callable[[str], OrganizationTrust]
    log_about: Callable[[str], LogReader]
    log_numbered: Callable[[int], LogReader | None]
    log_keys: Callable[[str], list[NoteKey]]
    standing: Callable[[str], Standing]
    remember: Callable[[str, bytes], None]
    newest_checkpoint: Callable[[str], str]
    keep_attestation: Callable[[str, str, bytes], None]
    zone: Callable[[str], str]
    document: Callable[[], bytes]
    sent_to: Callable[[str], str | None]
    cited: Callable[[str], str | None]
    statements: Callable[[str], Mapping[str, bytes]]
    witnessed_checkpoint: Callable[[str, str], bytes]
    annex: Callable[[str, AnnexRequest], AnnexMessage]
    discloses: bool
    deciding: threading.Lock = field(default_factory=threading.Lock)

    def event(
        self,
        transfer: Incoming,
        kind: str,
        occurrence: str,
        payload: Mapping[str, JSON],
        *,
        statement: str | None = None,
    ) -> Event:
        """Return an event about a transfer; the same occurrence of the same kind is the same event."""
        return Event(
            id=event_id(transfer.id, f"{kind}:{occurrence}"),
            type=kind,
            actor=self.identity,
            artifact=transfer.artifact,
            partner=transfer.partner,
            transfer=transfer.id,
            agreement=transfer.agreement,
            statement=statement,
            payload=payload,
        )
