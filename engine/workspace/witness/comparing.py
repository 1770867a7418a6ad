"""This log held against what partners' witnesses saw of it: what `lading audit verify --against partner` asks.

The comparison is asked for by whoever may run the command, as the gateway asks for cosignatures by itself: policy is
not asked. What comes of it is recorded, but for one case.

INVARIANT: nothing is recorded here in a log that a partner says was set back. The next entry would contradict the
newer log that may still be found, and be signed.
"""

from collections.abc import Mapping
from typing import Final

from engine.audit.against_witness import COSIGNED, Comparison, Verdict, compare_with_witness
from engine.audit.checkpoint import open_checkpoint
from engine.audit.meaning import MEANINGS
from engine.audit.note import NoteKey
from engine.audit.verification import Kind
from engine.audit.witness import TRIES
from engine.digest import JSON
from engine.errors import BadSignature, InputError, UsageError, WireError
from engine.events import Event, event_id
from engine.text import printable
from engine.transfer.evidence import keep_cosignature
from engine.workspace.office import Office
from engine.workspace.operations import Call
from engine.workspace.operations.transfers import transfer_parts

SHOWN: Final = 300
"""How many bytes of an answer that says nothing are shown."""

_FORK: Final = (
    f"{MEANINGS[Kind.FORK].remedy} Ask them for the fork file that their gateway kept, and verify it with this log's "
    "key: 'lading audit fork check FILE --key VKEY'. Without it, this is their word alone."
)

_MEANINGS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.AGREES: ("it saw exactly these {size} entries", ""),
    Verdict.EXTENDS: ("it had seen {seen} entries, and these {size} begin with them", ""),
    Verdict.FORGOT: (
        "it has forgotten: it says that it had seen {seen} entries, and its own cosignature of {held} is here",
        "It cosigned anew. Tell whoever runs it: a witness that lost its memory would cosign a second history as well.",
    ),
    Verdict.SET_BACK: (
        "it saw {seen} entries of this log, which has {size}: this log was set back",
        MEANINGS[Kind.ROLLBACK].remedy,
    ),
    Verdict.FORKED: (
        "the {seen} entries that it saw are not how this log of {size} begins: there are two histories",
        _FORK,
    ),
    Verdict.CONTRADICTED: (
        "it cosigned {seen} entries and goes on from them no more: it remembers a checkpoint that contradicts this log",
        _FORK,
    ),
    Verdict.UNCLEAR: (
        "what it answers says nothing about what it saw: {said}",
        "Ask whoever runs it whether they confirmed your newest trust document.",
    ),
}
"""What each verdict means, and what to do about it."""


def witnessing_partners(office: Office, named: str | None) -> list[str]:
    """Return the confirmed partners that can be asked: the named one, or every one with a witness.

    Raises:
        InputError: the named one is not a confirmed partner.
        UsageError: it has no witness, or nobody has.
    """
    wanted = [named] if named else office.trust.partners()
    found = [each for each in wanted if office.trust.witness_keys(each)]
    if not found:
        who = f"{named} has" if named else "no confirmed partner has"
        raise UsageError(
            f"{who} {'no' if named else 'a'} witness that this log could be held against",
            remedy="Confirm a partner first: see 'lading partner list'.",
        )
    return found


def compare_with_partner(office: Office, call: Call, organization: str) -> dict[str, JSON]:
    """Ask a partner's witness what it saw of this log, keep its cosignature, and say what it all means.

    Raises:
        InputError: the organization is not a confirmed partner.
        LogTampered, WorkspaceError: this log cannot be read or recorded in.
    """
    held = _held(office, organization)
    try:
        found = _ask(office, organization, held)
    except WireError as error:
        return _told(organization, "unreachable", office.log.size, None, printable(str(error)), error.remedy)
    if found.verdict in COSIGNED:
        try:
            keep_cosignature(transfer_parts(office, call), organization, found.size, found.answer)
        except (BadSignature, InputError) as error:
            means = f"it says that it cosigned, and did not: {printable(str(error))}"
            remedy = "Ask whether its witness has another key: then add and confirm its newest trust document."
            return _told(organization, Verdict.UNCLEAR, found.size, None, means, remedy)
    elif found.verdict in {Verdict.FORKED, Verdict.CONTRADICTED}:
        _record(office, organization, found)
    return _told(organization, found.verdict, found.size, found.seen, *_wording(found, held))


def _ask(office: Office, organization: str, held: int) -> Comparison:
    """Ask about the newest checkpoint, and again if this log grew, and was cosigned, in between."""
    ask, log = office.dialing.partner(organization).add_checkpoint, office.log
    found = compare_with_witness(ask, log.prove_consistency, log.checkpoint(), held)
    for _ in range(TRIES - 1):
        if found.verdict is not Verdict.SET_BACK or found.seen is None or found.seen > log.size:
            break
        found = compare_with_witness(ask, log.prove_consistency, log.checkpoint(), held)
    return found


def _held(office: Office, organization: str) -> int:
    """Return up to which size this partner's cosignature is here, and verifies."""
    sizes = [0]
    for key in map(NoteKey.parse, office.trust.witness_keys(organization)):
        note = office.log.cosigned_checkpoint(key.name)
        signed = open_checkpoint(note, [office.log.key, key]) if note is not None else None
        if signed is not None and signed.cosigned:
            sizes.append(signed.checkpoint.size)
    return max(sizes)


def _record(office: Office, organization: str, found: Comparison) -> None:
    """Record that a partner saw another history; once for each size that it names."""
    payload: dict[str, JSON] = {"kind": str(found.verdict), "origin": office.origin, "seen": found.seen}
    event = event_id(organization, f"witness.contradicted:{office.origin}:{found.verdict}:{found.seen}")
    actor = office.settings.service_identity
    office.log.record(Event(id=event, type="witness.contradicted", actor=actor, partner=organization, payload=payload))
    office.remember_own()


def _wording(found: Comparison, held: int) -> tuple[str, str]:
    """Say what a verdict means, and what to do about it."""
    means, remedy = _MEANINGS[found.verdict]
    said = printable(found.answer[:SHOWN].decode("utf-8", "replace").strip()) or "nothing"
    return means.format(size=found.size, seen=found.seen, held=held, said=said), remedy


def _told(organization: str, verdict: str, size: int, seen: int | None, means: str, remedy: str) -> dict[str, JSON]:
    return {
        "partner": organization,
        "verdict": str(verdict),
        "size": size,
        "seen": seen,
        "means": means,
        "remedy": remedy,
    }
