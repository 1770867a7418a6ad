"""Chains of custody: what each holder said about how it got the artifact, and what becomes of a chain that was bent."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from engine.custody.links import Link, TrustOf, examine_chain
from engine.custody.statements import (
    CustodyLink,
    DecisionCited,
    DeliveryReceipt,
    Offer,
    OnwardTerms,
    Verdict,
    fresh_nonce,
)
from engine.digest import canonical, sha256
from engine.errors import BadSignature, LadingError
from engine.signing import OrganizationTrust
from engine.signing.trust_folder import TrustFolder
from engine.transfer.facts import onward_facts
from engine.workspace.office import Office
from tests.unit.custody.conftest import MADE, agree, open_office, pin

WAY = ("acme.example", "borealis.example", "cirrus.example", "delta.example")
ROOT, MANIFEST = sha256(b"root"), sha256(b"manifest")
CITED = DecisionCited(id="0" * 32, decision="permit", policy=sha256(b"policy"))
TERMS = OnwardTerms.of_agreement(
    agree(terms=agree().terms.model_dump() | {"onward_transfer": True, "actions": ("view",)})
)
Bundles = dict[str, dict[str, Any]]


class Told:
    """Handoffs from Acme to Borealis to Cirrus to Delta, and the chain that Delta's offer to anybody would carry."""

    def __init__(self, folder: Path, offices: dict[str, Office]) -> None:
        self.offices = offices
        self.trust = TrustFolder(folder / "pinned")
        self.chain: list[Bundles] = []
        self.newest: str | None = None
        pin(self.trust, *(office.layout.home for office in offices.values()))
        for position, (sender, receiver) in enumerate(pairwise(WAY), start=1):
            link, self.newest = self.hand_over(sender, receiver, position, self.newest)
            self.chain.append(link)

    def hand_over(
        self, sender: str, receiver: str, position: int, before: str | None, changes: dict[str, Any] | None = None
    ) -> tuple[Bundles, str]:
        """Sign one handoff; changes replace fields of its link. Return its bundles and the link's digest."""
        common: dict[str, Any] = {
            "transfer": f"tr-{position:024x}",
            "sender": sender,
            "receiver": receiver,
            "artifact": ROOT,
            "agreement": sha256(receiver.encode()),
            "issued": MADE,
            "checkpoint": "",
        }
        digests = {"manifest": MANIFEST, "chunks": sha256(b"chunks")}
        offer = Offer(
            **common, **digests, nonce=fresh_nonce(), own_checkpoint="", purpose="evaluation", impact="",
            requester=f"ada@{sender}", decision=CITED, expires=MADE + timedelta(hours=1), onward=TERMS, custody=before,
        )  # fmt: skip
        offered = sha256(offer.statement())
        receipt = DeliveryReceipt(**common, **digests, nonce=fresh_nonce(), offer=offered, size=1, decision=CITED)
        receipted = sha256(receipt.statement())
        verdict = Verdict(
            **common, nonce=fresh_nonce(), offer=offered, receipt=receipted, verdict="released", findings=[]
        )
        said = common | {
            "nonce": fresh_nonce(),
            "position": position,
            "previous": before,
            "offer": offered,
            "receipt": receipted,
            "verdict": sha256(verdict.statement()),
            "purpose": "evaluation",
            "licence": "MIT",
            "sealed_to": "0" * 32,
        }
        link = CustodyLink(**said | (changes or {}))
        gateway = f"spiffe://{receiver}/gateway"
        signed = {
            "offer": self.offices[sender].sign(offer.statement(), f"ada@{sender}"),
            "receipt": self.offices[receiver].sign(receipt.statement(), gateway),
            "verdict": self.offices[receiver].sign(verdict.statement(), gateway),
            "link": self.offices[receiver].sign(link.statement(), gateway),
        }
        return {name: json.loads(bundle) for name, bundle in signed.items()}, sha256(link.statement())

    def trust_of(self, *strangers: str) -> TrustOf:
        """Everybody's pinned trust, but of these."""

        def of(organization: str) -> OrganizationTrust | None:
            return None if organization in strangers else self.trust.organization_trust(organization)

        return of

    def examine(self, chain: list[Bundles], *strangers: str, **changes: Any) -> tuple[Link, ...]:
        asked = {"newest": self.newest, "artifact": ROOT, "manifest": MANIFEST, "origin": WAY[0], "holder": WAY[-1]}
        return examine_chain(chain, **{"trust": self.trust_of(*strangers)} | asked | changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("links")
    with ExitStack() as stack:
        offices = {org: stack.enter_context(open_office(folder / org, org, "ada")) for org in WAY}
        yield Told(folder, offices)


def test_a_whole_chain_is_verified_link_by_link(told: Told) -> None:
    links = told.examine(told.chain)

    assert [(link.link.sender, link.link.receiver) for link in links] == list(pairwise(WAY))
    assert all(link.verified for link in links)
    assert links[-1].digest == told.newest


def test_nothing_is_a_chain_only_where_the_offer_names_none(told: Told) -> None:
    assert told.examine([], newest=None) == ()
    with pytest.raises(BadSignature, match="its newest link is None"):
        told.examine([])
    with pytest.raises(BadSignature, match="the offer names None"):
        told.examine(told.chain, newest=None)


@pytest.mark.parametrize("order", [each for each in permutations(range(3)) if each != (0, 1, 2)])
def test_links_in_another_order_are_refused(told: Told, order: tuple[int, ...]) -> None:
    with pytest.raises(BadSignature, match="does not hold"):
        told.examine([told.chain[place] for place in order])


@pytest.mark.parametrize("kept", [(0, 1), (1, 2), (0, 2), (0,), (1,), (2,)])
@pytest.mark.parametrize("renamed", [True, False])
def test_links_that_were_left_out_are_missed(told: Told, kept: tuple[int, ...], *, renamed: bool) -> None:
    """Whether the offer still names the newest link, or the newest of those that were kept."""
    chain = [told.chain[place] for place in kept]
    payload = base64.b64decode(chain[-1]["link"]["dsseEnvelope"]["payload"])

    with pytest.raises(BadSignature, match="does not hold"):
        told.examine(chain, newest=sha256(payload) if renamed else told.newest)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"artifact": sha256(b"another")}, "has artifact"),
        ({"manifest": sha256(b"another")}, "has manifest"),
        ({"origin": "elsewhere.example"}, "has sender acme.example, expected elsewhere.example"),
        ({"holder": "elsewhere.example"}, "ends at delta.example, and elsewhere.example"),
    ],
)
def test_a_chain_is_about_one_artifact_from_its_origin_to_who_hands_it_on(
    told: Told, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(BadSignature, match=said):
        told.examine(told.chain, **changes)


@pytest.mark.parametrize("name", ["offer", "receipt", "verdict", "link"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_statement_of_another_handoff_is_refused(told: Told, name: str, place: int) -> None:
    chain = [dict(link) for link in told.chain]
    chain[place][name] = told.chain[(place + 1) % 3][name]

    with pytest.raises(BadSignature):
        told.examine(chain)


@pytest.mark.parametrize("name", ["offer", "receipt", "verdict", "link"])
def test_a_statement_nobody_signed_is_refused_where_the_trust_is_pinned(told: Told, name: str) -> None:
    chain = [dict(link) for link in told.chain]
    chain[1][name] = rewritten(chain[1][name], purpose="research")

    with pytest.raises(BadSignature):
        told.examine(chain)


@pytest.mark.parametrize(
    "changes",
    [
        {"position": 3},
        {"previous": None},
        {"purpose": "research"},
        {"receipt": ROOT},
        {"agreement": ROOT},
        {"sender": WAY[3]},
        {"transfer": f"tr-{9:024x}"},
    ],
    ids=str,
)
def test_a_holder_cannot_say_otherwise_than_the_statements_it_names(told: Told, changes: dict[str, Any]) -> None:
    first = told.chain[0]
    before = sha256(base64.b64decode(first["link"]["dsseEnvelope"]["payload"]))
    second, newest = told.hand_over(WAY[1], WAY[2], 2, before, changes)

    with pytest.raises(BadSignature):
        told.examine([first, second], newest=newest, holder=WAY[2])


def test_a_link_of_somebody_nobody_pinned_is_kept_and_told_as_unverified(told: Told) -> None:
    links = told.examine(told.chain, "borealis.example")

    assert [link.verified for link in links] == [False, False, True]
    assert links[0].doubts == ("no trust of borealis.example is pinned",)
    assert [each.name for each in links[1].statements if each.signed is None] == ["offer"]


def test_what_an_unpinned_holder_says_is_still_held_to_its_place(told: Told) -> None:
    with pytest.raises(BadSignature, match="does not hold"):
        told.examine([told.chain[0], told.chain[2]], "borealis.example", "cirrus.example", "delta.example")


def test_a_signature_by_somebody_not_listed_is_told_as_unverified(told: Told) -> None:
    link, newest = told.hand_over(WAY[0], WAY[1], 1, None)
    payload = base64.b64decode(link["link"]["dsseEnvelope"]["payload"])
    link["link"] = json.loads(told.offices[WAY[1]].sign(payload, f"mallory@{WAY[1]}"))

    [examined] = told.examine([link], newest=newest, holder=WAY[1])

    assert not examined.verified
    assert "has not listed this identity" in examined.doubts[0]


def test_a_link_from_before_its_root_was_replaced_is_told_as_unverified(told: Told) -> None:
    now = told.trust.organization_trust(WAY[1])
    later = replace(now, trust_config=told.trust.organization_trust(WAY[3]).trust_config)

    links = told.examine(told.chain, trust=lambda org: later if org == WAY[1] else told.trust.organization_trust(org))

    assert [link.verified for link in links] == [False, False, True]
    assert all("not under the root that is pinned for borealis.example" in doubt for doubt in links[0].doubts)
    assert onward_facts(links, MADE) is None


def test_under_a_replaced_root_nothing_can_be_said_otherwise(told: Told) -> None:
    other = told.trust.organization_trust(WAY[3]).trust_config
    chain = [dict(link) for link in told.chain]
    chain[1]["link"] = rewritten(chain[1]["link"], purpose="research")

    with pytest.raises(BadSignature, match="does not hold"):
        told.examine(chain, trust=lambda org: replace(told.trust.organization_trust(org), trust_config=other))


@pytest.mark.parametrize("bundles", [{}, {"link": {}}, {"dsseEnvelope": {}}])
def test_bundles_that_are_not_there_are_refused(told: Told, bundles: Bundles) -> None:
    with pytest.raises(BadSignature, match="does not hold"):
        told.examine([bundles])


@pytest.mark.parametrize(
    "envelope", [None, {}, {"payload": 7}, {"payload": "e30"}, {"payload": "####"}, {"payload": ""}]
)
def test_what_nobody_can_read_is_refused_even_of_somebody_unpinned(told: Told, envelope: Any) -> None:
    chain = [dict(link) for link in told.chain]
    chain[0]["receipt"] = {"dsseEnvelope": envelope}

    with pytest.raises(LadingError):
        told.examine(chain, *WAY)


def test_policy_is_told_of_terms_only_when_every_link_is_verified(told: Told) -> None:
    whole, doubtful = told.examine(told.chain), told.examine(told.chain, "borealis.example")

    facts = onward_facts(whole, MADE)
    assert facts is not None
    assert (facts.provider, facts.consumer, facts.in_force) == (WAY[2], WAY[3], True)
    assert onward_facts(doubtful, MADE) is None
    assert onward_facts((), MADE) is None


@pytest.mark.parametrize(("days", "binds"), [(-61, False), (-60, True), (299, True), (300, False)])
def test_terms_bind_in_their_time_only(told: Told, days: int, *, binds: bool) -> None:
    facts = onward_facts(told.examine(told.chain), MADE + timedelta(days=days))

    assert facts is not None
    assert facts.in_force is binds


def test_an_agreement_that_forbids_it_tells_no_terms() -> None:
    assert OnwardTerms.of_agreement(agree()) is None


def rewritten(bundle: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The bundle with another predicate in its envelope, as somebody who holds no key could send it."""
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    statement["predicate"] |= changes
    payload = base64.b64encode(canonical(statement)).decode()
    return bundle | {"dsseEnvelope": bundle["dsseEnvelope"] | {"payload": payload}}
