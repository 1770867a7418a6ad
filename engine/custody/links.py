"""The chain of custody that comes with what is handed on: each earlier handoff, said by those who took part in it.

A link is four signed statements: the offer by which one organization got the artifact, its own delivery receipt and
verdict, and the custody link in which it names all three and the link before. An onward offer names the newest link.
So no link can be moved to another artifact, reordered, or left out, whoever passes the chain on.

What contradicts itself is refused. What is signed for an organization whose trust nobody here pinned, under another
root than the one that is pinned, or by somebody that organization no longer lists, is kept and told as unverified; it
proves nothing, and policy is not told of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from engine.custody.answers import check_answer
from engine.custody.statements import (
    CustodyLink,
    DeliveryReceipt,
    Offer,
    Predicate,
    Verdict,
)
from engine.digest import JSON, canonical, sha256
from engine.errors import BadSignature, UnknownRoot, UntrustedIdentity
from engine.signing import OrganizationTrust, Signed
from engine.signing.envelope import unverified_payload
from engine.signing.statement import parse_statement

TrustOf = Callable[[str], OrganizationTrust | None]
"""Returns the pinned trust of an organization; None if none is pinned."""

KINDS: Final[Mapping[str, type[Predicate]]] = {
    "offer": Offer,
    "receipt": DeliveryReceipt,
    "verdict": Verdict,
    "link": CustodyLink,
}
"""What each bundle of a link is, by its name."""

Said = TypeVar("Said", bound=Predicate)


@dataclass(frozen=True, slots=True)
class Statement:
    """One signed statement of an earlier handoff.

    Attributes:
        name: `offer`, `receipt`, `verdict` or `link`.
        organization: who must have signed it.
        digest: SHA-256 of the statement.
        signed: the verified signature; None if it could not be verified.
        doubt: why not; empty if it was.
    """

    name: str
    organization: str
    digest: str
    signed: Signed | None
    doubt: str


@dataclass(frozen=True, slots=True)
class Link:
    """One earlier handoff.

    Attributes:
        link: what its receiver said about it.
        offer: what its sender said.
        statements: the four statements, and how far each is proved.
    """

    link: CustodyLink
    offer: Offer
    statements: tuple[Statement, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the custody link's statement; what the next link and the onward offer name."""
        return self.statements[-1].digest

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it is not verified, each reason once; none if it is."""
        return tuple(dict.fromkeys(each.doubt for each in self.statements if each.doubt))

    @property
    def verified(self) -> bool:
        """Whether every statement verified under the trust pinned for the organization that must have made it."""
        return not self.doubts

    def to_json(self) -> dict[str, JSON]:
        """Return what the log keeps of a link: who, whom, which transfer, and how far it is proved."""
        said = self.link
        return {
            "transfer": said.transfer,
            "sender": said.sender,
            "receiver": said.receiver,
            "statement": self.digest,
            "verified": self.verified,
            "doubts": list(self.doubts),
        }


def examine_chain(
    chain: Sequence[Mapping[str, Any]],
    *,
    newest: str | None,
    artifact: str,
    manifest: str,
    origin: str,
    holder: str,
    trust: TrustOf,
) -> tuple[Link, ...]:
    """Verify a chain of custody.

    Args:
        chain: for each handoff, the oldest first, its bundles by the names in `KINDS`.
        newest: SHA-256 of the newest link, as the onward offer names it; None if it names none.
        artifact: root digest that every link must be about.
        manifest: digest of the manifest that every offer must be about.
        origin: the organization that made the artifact.
        holder: who hands it on now.
        trust: whose signatures count for an organization; asked once for each.

    Returns:
        The links in their order. None at all if the offer names none and none came.

    Raises:
        BadSignature: a signature does not verify under its pinned trust, a statement is malformed, or the links do
            not make one chain from the origin to the holder.
    """
    links: list[Link] = []
    pinned = cache(trust)
    for position, bundles in enumerate(chain, start=1):
        link = _examine(bundles, pinned)
        _check_place(link, position, links[-1] if links else None, origin)
        _check_subject(link, artifact, manifest)
        links.append(link)
    found = links[-1].digest if links else None
    if found != newest:
        raise _broken(f"its newest link is {found}, the offer names {newest}")
    if links and links[-1].link.receiver != holder:
        raise _broken(f"it ends at {links[-1].link.receiver}, and {holder} hands the artifact on")
    return tuple(links)


def claimed(bundles: Mapping[str, Any]) -> CustodyLink:
    """Return what a custody link claims; nothing is verified.

    Raises:
        BadSignature: there is none, or it cannot be read.
    """
    if "link" not in bundles:
        raise _broken("a link is missing")
    return _unverified(bundles["link"], CustodyLink)[0]


def _examine(bundles: Mapping[str, Any], trust: TrustOf) -> Link:
    """Verify the four statements of one link, and that they are about one handoff."""
    if set(bundles) != set(KINDS):
        raise _broken(f"a link has {', '.join(sorted(bundles)) or 'no bundle'}, expected {', '.join(sorted(KINDS))}")
    said = claimed(bundles)
    offer, offered = _read(bundles, "offer", Offer, said.sender, trust)
    receipt, receipted = _read(bundles, "receipt", DeliveryReceipt, said.receiver, trust)
    verdict, judged = _read(bundles, "verdict", Verdict, said.receiver, trust)
    link, linked = _read(bundles, "link", CustodyLink, said.receiver, trust)
    payload = offer.statement()
    check_answer(receipt, offer, payload)
    check_answer(verdict, offer, payload)
    _equal(verdict, {"receipt": receipted.digest, "verdict": "released"})
    _equal(
        link,
        {
            "transfer": offer.transfer,
            "sender": offer.sender,
            "receiver": offer.receiver,
            "artifact": offer.artifact,
            "agreement": offer.agreement,
            "purpose": offer.purpose,
            "previous": offer.custody,
            "offer": offered.digest,
            "receipt": receipted.digest,
            "verdict": judged.digest,
        },
    )
    return Link(link, offer, (offered, receipted, judged, linked))


def _check_place(link: Link, position: int, before: Link | None, origin: str) -> None:
    came_from = before.link.receiver if before else origin
    expected = {"position": position, "previous": before.digest if before else None, "sender": came_from}
    _equal(link.link, expected)


def _check_subject(link: Link, artifact: str, manifest: str) -> None:
    _equal(link.link, {"artifact": artifact})
    _equal(link.offer, {"manifest": manifest})


def _equal(said: Predicate, expected: Mapping[str, object]) -> None:
    for field, value in expected.items():
        if (found := getattr(said, field)) != value:
            raise _broken(f"the {said.predicate_type()} of {said.transfer} has {field} {found}, expected {value}")


def _read(
    bundles: Mapping[str, Any], name: str, kind: type[Said], organization: str, trust: TrustOf
) -> tuple[Said, Statement]:
    """Verify one statement under the pinned trust of whoever must have signed it, as far as there is any."""
    pinned, doubt = trust(organization), f"no trust of {organization} is pinned"
    if pinned is not None:
        try:
            signed = pinned.verify(canonical(bundles[name]), predicate_type=kind.predicate_type())
            return kind.read(signed), Statement(name, organization, sha256(signed.payload), signed, "")
        except UntrustedIdentity as error:
            doubt = str(error)
        except UnknownRoot:
            doubt = (
                f"the {kind.predicate_type()} is not under the root that is pinned for {organization}: "
                "it is from before that root was replaced, or somebody else's"
            )
    said, payload = _unverified(bundles[name], kind)
    return said, Statement(name, organization, sha256(payload), None, doubt)


def _unverified(bundle: Mapping[str, Any], kind: type[Said]) -> tuple[Said, bytes]:
    what = f"the {kind.predicate_type()} of a custody link"
    payload = unverified_payload(bundle, what=what)
    whole, subject = parse_statement(payload, predicate_type=kind.predicate_type(), what=what)
    return kind.of(payload, whole, subject, by="somebody who was not verified"), payload


def _broken(why: str) -> BadSignature:
    return BadSignature(
        f"the chain of custody does not hold: {why}",
        remedy="Do not take the artifact; ask whoever hands it on for the whole chain, as they got it.",
    )
