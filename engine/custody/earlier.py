"""Earlier handoffs of the same artifact, as far as the trust that is pinned reaches."""

from collections.abc import Iterator, Sequence

from engine.custody.bill import Earlier
from engine.custody.statements import Answer, DeliveryReceipt, Offer, Verdict, check_answer
from engine.digest import canonical, sha256
from engine.errors import EvidenceError, InputError, IntegrityError
from engine.signing.organization_trust import OrganizationTrust, Signed
from engine.signing.trust_folder import TrustFolder


def tell_earlier(custody: Sequence[Earlier], artifact: str, sender: str, trust: TrustFolder) -> Iterator[str]:
    """Say of each earlier handoff whether it is proved; where nobody's trust is pinned, that it cannot be.

    Args:
        custody: the handoffs, the oldest first.
        artifact: root digest of what was handed over at last.
        sender: who handed it over at last; the last receiver before.
        trust: what is pinned.

    Raises:
        IntegrityError: they are about another artifact, or do not follow on each other.
        EvidenceError: a signature is there, its trust is pinned, and it does not hold.
    """
    handed_on = (*(each.sender for each in custody[1:]), sender)
    for each, next_sender in zip(custody, handed_on, strict=False):
        if each.artifact != artifact:
            raise _broken(each, f"it is about artifact {each.artifact[:16]}, expected {artifact[:16]}")
        if each.receiver != next_sender:
            raise _broken(each, f"it went to {each.receiver}, and {next_sender} handed it on")
        yield _tell(each, trust)


def _tell(each: Earlier, trust: TrustFolder) -> str:
    story = f"{each.sender} handed it to {each.receiver} ({each.transfer})"
    try:
        trusts = {org: trust.organization_trust(org) for org in (each.sender, each.receiver)}
    except InputError as error:
        return f"unverifiable: {story}: {error}"
    return f"proved: {story}: {_prove(each, trusts[each.sender], trusts[each.receiver])}"


def _prove(each: Earlier, sender: OrganizationTrust, receiver: OrganizationTrust) -> str:
    offered = _signed(each, "offer", sender, Offer.predicate_type())
    offer = Offer.read(offered)
    stated = (offer.transfer, offer.sender, offer.receiver, offer.artifact)
    if stated != (each.transfer, each.sender, each.receiver, each.artifact):
        raise _broken(each, "its offer is about another handoff")
    received = _answer(each, "receipt", receiver, DeliveryReceipt, offer, offered)
    said = f"receipt signed at {received.time:%F %T}Z"
    if "verdict" not in each.signatures:
        return said
    verdict = Verdict.read(_answer(each, "verdict", receiver, Verdict, offer, offered))
    if verdict.receipt != sha256(received.payload):
        raise _broken(each, "its verdict is about another receipt")
    return f"{said}, {verdict.verdict}"


def _answer(
    each: Earlier, name: str, trust: OrganizationTrust, kind: type[Answer], offer: Offer, offered: Signed
) -> Signed:
    signed = _signed(each, name, trust, kind.predicate_type())
    check_answer(kind.read(signed), offer, offered.payload)
    return signed


def _signed(each: Earlier, name: str, trust: OrganizationTrust, predicate_type: str) -> Signed:
    if name not in each.signatures:
        raise _broken(each, f"it lacks the signature {name!r}")
    return trust.verify(canonical(each.signatures[name]), predicate_type=predicate_type)


def _broken(each: Earlier, why: str) -> EvidenceError:
    return IntegrityError(
        f"the earlier handoff {each.transfer} does not hold: {why}",
        remedy="Do not rely on it; ask whoever handed the artifact on for its own bill.",
    )
