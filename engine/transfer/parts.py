"""What the pipeline needs from the workspace, as one frozen bundle."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from engine.agreement import Standing
from engine.audit.note import NoteKey
from engine.audit.witness import Witness
from engine.events import Clock, Recorder
from engine.manifest.artifact import Artifact
from engine.manifest.registry import Registry
from engine.policy.judge import Judge
from engine.signing import OrganizationTrust
from engine.transfer.outgoing import OutgoingTable
from engine.transfer.partner import Partner
from engine.transfer.source import Source
from engine.transfer.tickets import TicketTable
from engine.wire.messages import LinkMessage

OFFER_LIFE: Final = timedelta(hours=24)
VERDICT_SECONDS: Final = 600.0
"""How long the sender waits for the verdict before it says so and lets the person come back later."""

Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rooms a transfer passes through, already composed for one organization.

    Attributes:
        organization: who sends.
        reauthorize_seconds: how often policy is asked again while chunks flow.
        judge: asks policy, and records the answer before returning it.
        standing: how an agreement stands now, by digest.
        trust: whose signatures count for an organization.
        region: where an organization is, from its trust document.
        source: where an artifact's bytes are: the folder it was packed from, or the store.
        attestation: the bundle `model` or `manifest` of an artifact.
        custody: how this organization came to hold an artifact, and the digest of the newest link of that chain;
            nothing if it was packed here.
        sign: signs a statement as an identity of this organization.
        connect: a partner's gateway; the second argument is told the network zone of every connection that is made to
            it, before anything is asked, and what it raises ends that connection.
        log_keys: the pinned keys of an organization's log.
        witness: this organization's witness.
        witness_keys: the keys of every witness that is known here.
        remember: verifies a checkpoint a partner showed, keeps it outside the database and records it.
        unproven: keeps a checkpoint that does not extend the one this witness cosigned last, as evidence.
        newest_checkpoint: the newest checkpoint of a partner's log that is remembered; empty before the first.
        prove_consistency: proves that this log's size `new` extends its size `old`.
        add_cosignature: keeps a witness' line for a checkpoint of this log.
        tickets: the break-glass tickets.
        free: says whether a nonce is unused, or used for this subject.
        consume: uses a nonce for a subject; raises UsageError if another one used it.
        stop: when set, the transfer breaks off at the next chunk.
    """

    organization: str
    reauthorize_seconds: float
    clock: Clock
    recorder: Recorder
    table: OutgoingTable
    registry: Registry
    judge: Judge
    standing: Callable[[str], Standing]
    trust: Callable[[str], OrganizationTrust]
    region: Callable[[str], str]
    source: Callable[[Artifact], Source]
    attestation: Callable[[str, str], bytes]
    custody: Callable[[Artifact], tuple[tuple[LinkMessage, ...], str | None]]
    sign: Callable[[bytes, str], bytes]
    connect: Callable[[str, Callable[[str], None]], Partner]
    log_keys: Callable[[str], list[NoteKey]]
    witness: Witness
    witness_keys: Callable[[], list[NoteKey]]
    remember: Callable[[str, bytes], None]
    unproven: Callable[[str, bytes], None]
    newest_checkpoint: Callable[[str], str]
    prove_consistency: Callable[[int, int], list[bytes]]
    add_cosignature: Callable[[int, bytes, str], None]
    tickets: TicketTable
    free: Callable[[str, str], bool]
    consume: Callable[[str, str], None]
    progress: Progress
    stop: threading.Event
    rate_limit: float | None
    patience_seconds: float
