"""Whether a statement answers another: it is bound to the same handoff, and was signed after it."""

from datetime import datetime

from engine.custody.statements import Answer, DeliveryReceipt, Offer
from engine.digest import sha256
from engine.errors import BadSignature
from engine.events import SKEW, timestamp
from engine.signing.organization_trust import Signed


def check_answer(answer: Answer, offer: Offer, offer_payload: bytes) -> None:
    """Check that a receiver's statement answers exactly this offer.

    Raises:
        BadSignature: it is bound to another transfer, offer, artifact, agreement or organization.
    """
    expected = {
        "transfer": offer.transfer,
        "sender": offer.sender,
        "receiver": offer.receiver,
        "artifact": offer.artifact,
        "agreement": offer.agreement,
        "offer": sha256(offer_payload),
    }
    if isinstance(answer, DeliveryReceipt):
        expected |= {"manifest": offer.manifest, "chunks": offer.chunks}
    for field, value in expected.items():
        found = getattr(answer, field)
        if found != value:
            raise BadSignature(
                f"the {answer.predicate_type()} statement is about {field} {found}, expected {value}",
                remedy="It belongs to another handoff: do not accept it.",
            )


def check_order(signed: Signed, before: Signed, now: datetime) -> None:
    """Check that a statement was signed after the one it follows, and not in the future, as far as clocks agree.

    Who signs has its own clock: one that is dated otherwise could have no place in a bill of lading.

    Raises:
        BadSignature: it was signed before that one, or is not signed yet.
    """
    if not before.time - SKEW <= signed.time <= now + SKEW:
        raise BadSignature(
            f"the statement is signed at {timestamp(signed.time)}, expected a time from {timestamp(before.time)}, "
            f"when what it follows was signed, to now, {timestamp(now)}",
            remedy="Compare the clocks of both sides, then run the command again.",
        )
