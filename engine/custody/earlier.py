"""Earlier handoffs of the artifact a bill is about: the chain of custody that went with its offer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.custody.bill import Bill, Earlier
from engine.custody.links import Link, claimed, examine_chain
from engine.custody.statements import Offer
from engine.errors import EvidenceError, InputError, IntegrityError
from engine.signing.organization_trust import OrganizationTrust
from engine.signing.trust_folder import TrustFolder


def earlier_of(chain: Sequence[Mapping[str, Any]]) -> list[Earlier]:
    """Return a chain of custody, bundles by name and the oldest handoff first, as a bill has it.

    Raises:
        BadSignature: a link cannot be read.
    """
    return [_earlier(bundles) for bundles in chain]


def tell_earlier(bill: Bill, offer: Offer, origin: str, trust: TrustFolder) -> Iterator[str]:
    """Say of each earlier handoff whether it is proved; where nobody's trust is pinned, that it cannot be.

    Args:
        bill: what is examined.
        offer: its offer, verified; it names the newest link.
        origin: the organization that made the artifact.
        trust: what is pinned.

    Raises:
        EvidenceError: the chain is not the one the offer names, contradicts itself, or a signature does not hold.
    """

    def pinned(organization: str) -> OrganizationTrust | None:
        try:
            return trust.organization_trust(organization)
        except InputError:
            return None

    links = examine_chain(
        [each.signatures for each in bill.custody],
        newest=offer.custody,
        artifact=bill.artifact,
        manifest=offer.manifest,
        origin=origin,
        holder=bill.sender,
        trust=pinned,
    )
    for each, link in zip(bill.custody, links, strict=True):
        if each != _earlier(each.signatures):
            raise _broken(each, "it says otherwise than its link")
        yield _tell(link)


def _earlier(bundles: Mapping[str, Any]) -> Earlier:
    said = claimed(bundles)
    return Earlier(
        transfer=said.transfer,
        sender=said.sender,
        receiver=said.receiver,
        artifact=said.artifact,
        signatures=dict(bundles),
    )


def _tell(link: Link) -> str:
    said = link.link
    story = f"{said.sender} handed it to {said.receiver} ({said.transfer})"
    if not link.verified:
        return f"unverifiable: {story}: {'; '.join(link.doubts)}"
    times = {each.name: each.signed.time for each in link.statements if each.signed is not None}
    licence = f", under {said.licence}" if said.licence else ""
    return f"proved: {story} for {said.purpose!r}{licence}: receipt signed at {times['receipt']:%F %T}Z, released"


def _broken(each: Earlier, why: str) -> EvidenceError:
    return IntegrityError(
        f"the earlier handoff {each.transfer} does not hold: {why}",
        remedy="Do not rely on it; ask whoever handed the artifact on for its own bill.",
    )
