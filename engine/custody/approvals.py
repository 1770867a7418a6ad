"""The approvals and break-glass tickets that a handoff rested on: who signed them, and that they were logged."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from engine.custody.bill import Bundle
from engine.custody.logs import ProvedEntry, ProvedLog
from engine.custody.statements import Approval, ApprovalV1, Authorization, BreakGlass, Offer, plan_digest
from engine.custody.story import claimed_type
from engine.digest import canonical, parse_json, sha256
from engine.errors import EvidenceError, IntegrityError, LogTampered
from engine.events import timestamp
from engine.signing.organization_trust import OrganizationTrust, Signed

APPROVAL: Final = "approval"
BREAK_GLASS: Final = "break-glass"

_Kind: TypeAlias = type[Approval | ApprovalV1 | BreakGlass]
_KINDS: Final[Mapping[str, tuple[_Kind, ...]]] = {APPROVAL: (Approval, ApprovalV1), BREAK_GLASS: (BreakGlass,)}
_LOGGED: Final = {APPROVAL: "approval.granted", BREAK_GLASS: "breakglass.approved"}
_REMEDY: Final = "Do not rely on it; ask the sender who approved this handoff, and when."


def check_approvals(
    signatures: Mapping[str, Bundle],
    offer: Offer,
    log: ProvedLog,
    opened: Sequence[ProvedEntry],
    trust: OrganizationTrust,
) -> Iterator[tuple[str, Signed, str]]:
    """Yield each approval of a bill with who signed it and what it says.

    It must be about this handoff, signed by somebody else than who asked for it, and logged by the sender as this
    very statement; and the approver that the sender's decisions name must be the one who signed.

    Args:
        signatures: the bill's bundles.
        offer: the handoff.
        log: the sender's log.
        opened: the entries of it that are open.
        trust: the sender's.

    Raises:
        EvidenceError: one of that does not hold.
    """
    for name, kinds in _KINDS.items():
        if name not in signatures:
            continue
        bundle = canonical(signatures[name])
        claimed = claimed_type(bundle)
        kind = next((each for each in kinds if each.predicate_type() == claimed), kinds[0])
        signed = trust.verify(bundle, predicate_type=kind.predicate_type())
        said = kind.read(signed)
        _check_about(name, said, offer)
        signer = signed.signatory.identity
        if signer in {said.requester, offer.requester}:
            raise _broken(name, f"{signer} signed it for themselves")
        if log.find(type=_LOGGED[name], statement=sha256(signed.payload)) is None:
            raise LogTampered(f"the log of {log.owner} does not show this {name}", remedy=_REMEDY)
        named = {each for entry in opened if (each := _approver(name, entry)) is not None}
        if named - {signer}:
            raise _broken(name, f"{signer} signed it, policy was told of {', '.join(sorted(named - {signer}))}")
        until = f"until {timestamp(said.expires)}, by policy {said.policy[:16]}"
        waived = f"waives {', '.join(said.waives)}, " if isinstance(said, BreakGlass) else ""
        yield name, signed, f"{waived}{said.reason!r}, {until}"


def _check_about(name: str, said: Approval | ApprovalV1 | BreakGlass, offer: Offer) -> None:
    for field in ("transfer", "sender", "receiver", "artifact", "agreement", "purpose", "requester"):
        found, expected = getattr(said, field), getattr(offer, field)
        # A ticket may be asked for by somebody else than the transfer was.
        if found != expected and not (isinstance(said, BreakGlass) and field == "requester"):
            raise _broken(name, f"it is about {field} {found!a}, expected {expected!a}")
    plan = plan_digest(
        artifact=offer.artifact,
        partner=offer.receiver,
        agreement=offer.agreement,
        purpose=offer.purpose,
        impact=offer.impact,
        actor=offer.requester,
    )
    if isinstance(said, Authorization) and said.plan != plan:
        raise _broken(name, "it is about another order than the offer")


def _approver(name: str, entry: ProvedEntry) -> str | None:
    """Return whom a permit to send was told of as the approver; None where it was told of nobody."""
    payload: Mapping[str, Any] = entry.payload or {}
    if entry.public["type"] != "decision.permit" or payload.get("action") != "send":
        return None
    record: Any = parse_json(str(payload.get("record")).encode(), what="a decision record", limit=4 << 20)
    transfer = record.get("request", {}).get("context", {}).get("transfer", {})
    told = transfer.get("approver") if name == APPROVAL else transfer.get("breakGlass", {}).get("approver")
    return told if isinstance(told, str) else None


def _broken(name: str, why: str) -> EvidenceError:
    return IntegrityError(f"the bill's {name} does not hold: {why}", remedy=_REMEDY)
