"""What Acme handed to Borealis goes on to Cirrus where Acme's agreement lets it, and nowhere else."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.custody.statements import CustodyLink, Offer, OnwardTerms, fresh_nonce, fresh_transfer
from engine.digest import sha256
from engine.manifest.artifact import Artifact
from engine.wire.messages import OfferMessage
from engine.wire.problem import Problem, ProblemError
from engine.workspace.custody.links import onward_chain
from tests.integration.chain import BOREALIS, CIRRUS, Chain, introduce
from tests.integration.simulator import ACME


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    three = Chain(tmp_path_factory.mktemp("three"))
    yield three
    three.close()


@pytest.fixture(scope="module")
def root(chain: Chain) -> str:
    """An artifact that Borealis received; the folder Acme packed it from is gone."""
    root = chain.deliver("sentiment")
    shutil.rmtree(chain.folder / "sentiment")
    return root


@pytest.fixture(scope="module")
def handed_on(chain: Chain, root: str) -> dict[str, Any]:
    sent: dict[str, Any] = chain.hand_on(root)
    return sent


def message(chain: Chain, transfer: str) -> OfferMessage:
    kept = chain.cirrus.parts.table.document(transfer, "message")
    assert kept is not None
    return OfferMessage.parse(kept)


def policies(sent: dict[str, Any]) -> str:
    return " ".join(f"{each['policy']} {each['condition']}" for each in sent["reasons"])


def test_it_is_sent_from_the_store_and_released_at_the_third(chain: Chain, handed_on: dict[str, Any]) -> None:
    assert (handed_on["state"], handed_on["verdict"]) == ("completed", "released")
    held = chain.cirrus.office.registry.get(handed_on["root"])
    assert (held.origin, held.state) == (ACME, "released")


@pytest.mark.usefixtures("handed_on")
def test_the_origins_signatures_travel_as_they_are(chain: Chain, root: str) -> None:
    for name in ("model", "manifest"):
        ours, theirs = (side.office.attestation(root, name) for side in (chain.acme, chain.cirrus))
        assert json.loads(ours) == json.loads(theirs)


def test_both_logs_tell_which_chain_went_with_it_before_it_mattered(chain: Chain, handed_on: dict[str, Any]) -> None:
    ours, theirs = chain.borealis.log_of(handed_on["id"]), chain.cirrus.log_of(handed_on["id"])
    [sent] = [e for e in chain.borealis.office.log.of_transfer(handed_on["id"]) if e.type == "custody.linked"]
    [come] = [e for e in chain.cirrus.office.log.of_transfer(handed_on["id"]) if e.type == "custody.linked"]

    assert ours.index("custody.linked") < ours.index("transfer.offered")
    assert theirs.index("custody.linked") < theirs.index("decision.permit")
    assert sent.public["statement"] == come.public["statement"]
    assert come.payload is not None
    [link] = come.payload["links"]  # type: ignore[misc]  # JSON
    assert (link["sender"], link["receiver"], link["verified"], link["doubts"]) == (ACME, BOREALIS, True, [])  # type: ignore[index,call-overload]


def test_the_third_decides_by_what_the_owner_let_be_told(chain: Chain, handed_on: dict[str, Any]) -> None:
    log = chain.cirrus.office.log.of_transfer(handed_on["id"])
    asked = [each.payload for each in log if each.type == "decision.permit" and each.payload]
    record = json.loads(str(asked[0]["record"]))

    under = record["request"]["context"]["receivedUnder"]
    assert record["reasons"] == ["receive-onward"]
    assert (under["onwardTransfer"], under["inForce"]) == (True, True)
    assert under["purposes"] == ["evaluation"]


def test_no_text_of_the_owners_agreement_leaves(chain: Chain, handed_on: dict[str, Any]) -> None:
    sent = message(chain, handed_on["id"]).body().decode()

    agreement = chain.borealis.office.agreements.get(chain.inward)
    assert agreement.terms.liability
    assert agreement.terms.liability not in sent
    assert "retention_days" not in sent
    assert chain.inward not in {each.digest for each in chain.cirrus.office.agreements.list()}


def test_the_link_says_licence_purpose_and_key_and_is_made_once(chain: Chain, root: str, handed_on: Any) -> None:
    again = chain.hand_on(root)
    first, second = (message(chain, sent["id"]).custody or () for sent in (handed_on, again))

    trust = chain.acme.office.trust.organization_trust(BOREALIS)
    signed = trust.verify(json.dumps(first[0].link).encode(), predicate_type=CustodyLink.predicate_type())
    link = CustodyLink.read(signed)
    assert first == second
    assert (link.position, link.previous, link.purpose) == (1, None, "evaluation")
    assert link.licence == chain.borealis.office.registry.get(root).manifest.licence
    public = chain.borealis.office.store.open_scope(chain.inward).public
    assert link.sealed_to == sha256(public)[:32]


def test_the_third_uses_it_within_what_the_owner_allowed(chain: Chain, handed_on: dict[str, Any]) -> None:
    wish = {"ref": handed_on["root"], "folder": str(chain.folder / "copied")}

    denied = chain.cirrus.ask("artifact.export", **wish | {"purpose": "research"})
    chain.cirrus.ask("artifact.export", **wish | {"purpose": "evaluation"})

    assert "receivedUnder.purposes" in json.dumps(denied["denied"])
    assert (chain.folder / "copied" / "config.json").exists()


def test_nobody_uses_it_once_the_origin_is_not_pinned_any_more(chain: Chain, handed_on: dict[str, Any]) -> None:
    pinned = chain.cirrus.home / "trust" / "partners" / ACME
    pinned.rename(pinned.with_name("aside"))
    try:
        denied = chain.cirrus.ask(
            "artifact.export", ref=handed_on["root"], folder=str(chain.folder / "no"), purpose="evaluation"
        )
    finally:
        pinned.with_name("aside").rename(pinned)

    assert "denied" in denied
    assert not (chain.folder / "no").exists()


@pytest.mark.parametrize(
    ("name", "terms", "said"),
    [
        ("closed", {"onward_transfer": "false"}, "context.receivedUnder.onwardTransfer"),
        ("narrow", {"onward_transfer": "true", "destinations": "[EU, US]"}, "context.receivedUnder.destinations"),
    ],
    ids=["not at all", "not to that region"],
)
def test_an_owner_that_does_not_allow_it_is_obeyed(chain: Chain, name: str, terms: dict[str, str], said: str) -> None:
    root = chain.deliver(name, agreement=chain.agree(chain.acme, chain.borealis, name, **terms))

    sent = chain.hand_on(root)

    assert sent["state"] == "denied"
    assert said in policies(sent)
    assert "offer" not in chain.borealis.links[CIRRUS].asked[-1:]


def test_for_a_purpose_the_owner_did_not_agree_to_it_stays(chain: Chain, root: str) -> None:
    sent = chain.hand_on(root, purpose="research")

    assert sent["state"] == "denied"
    assert "context.receivedUnder.purposes" in policies(sent)


def test_what_is_damaged_in_the_store_is_not_handed_on(chain: Chain) -> None:
    root = chain.deliver("damaged")
    store = chain.borealis.home / "state" / "store"
    newest = max(store.glob("*/blobs/*"), key=lambda path: path.stat().st_mtime_ns)
    with newest.open("r+b") as file:
        file.seek(newest.stat().st_size // 2)
        file.write(b"damage")

    sent = chain.hand_on(root)

    assert sent["state"] == "denied"
    assert "deny-failed-preflight" in policies(sent)


class TestHostileHolder:
    """A Borealis whose own policy stops nothing: it signs what it likes, and Cirrus decides."""

    def test_it_cannot_leave_the_chain_out(self, chain: Chain, handed_on: dict[str, Any]) -> None:
        refused = offer(chain, message(chain, handed_on["id"]), None)

        assert refused.codes == ("offer-denied",)

    def test_it_cannot_name_one_chain_and_send_another(self, chain: Chain, handed_on: dict[str, Any]) -> None:
        sent = message(chain, handed_on["id"])

        assert offer(chain, sent, (), custody=sha256(b"another")).codes == ("custody-refused",)
        assert offer(chain, sent, sent.custody, custody=sha256(b"another")).codes == ("custody-refused",)

    def test_a_chain_that_is_refused_is_in_the_log_once_with_the_reason(self, chain: Chain, handed_on: Any) -> None:
        before = len(chain.cirrus.entries("custody.refused"))
        sent = message(chain, handed_on["id"])
        bent = signed_offer(chain, sent, sent.custody, custody=sha256(b"another"))

        refused = knock(chain, bent)
        knock(chain, bent)

        [entry] = chain.cirrus.entries("custody.refused")[before:]
        made = onward_of(chain, bent)
        assert refused.codes == ("custody-refused",)
        assert entry.public["statement"] == sha256(made.statement())
        assert (entry.public["transfer"], entry.public["partner"]) == (made.transfer, BOREALIS)
        assert entry.payload is not None
        assert entry.payload["why"] == refused.detail
        assert entry.payload["newest"] == sha256(b"another")

    def test_it_cannot_use_the_link_of_another_artifact(self, chain: Chain, handed_on: dict[str, Any]) -> None:
        other = onward_chain(chain.borealis.office, chain.borealis.office.registry.get(chain.deliver("other")))

        refused = offer(chain, message(chain, handed_on["id"]), other[0], custody=other[1])

        assert refused.codes == ("custody-refused",)
        assert "has artifact" in str(refused.detail)

    def test_it_cannot_hand_on_what_came_under_an_agreement_that_does_not_let_it(self, chain: Chain) -> None:
        kept = chain.agree(chain.acme, chain.borealis, "kept", onward_transfer="false")
        held = chain.borealis.office.registry.get(chain.deliver("kept", agreement=kept))
        links, newest = onward_chain(chain.borealis.office, held)
        carried = OfferMessage(
            offer={},
            manifest=held.manifest.canonical().decode(),
            chunks=held.chunks.canonical().decode(),
            model_signature=json.loads(chain.acme.office.attestation(held.root, "model")),
            manifest_attestation=json.loads(chain.acme.office.attestation(held.root, "manifest")),
        )

        refused = offer(chain, carried, links, custody=newest, artifact=held)

        assert refused.codes == ("offer-denied",)
        [decided] = [each for each in chain.cirrus.entries("decision.deny") if each.public["artifact"] == held.root]
        assert decided.payload is not None
        assert "receivedUnder" not in json.loads(str(decided.payload["record"]))["request"]["context"]

    def test_it_cannot_tell_other_terms_than_its_agreement_has(self, chain: Chain, handed_on: dict[str, Any]) -> None:
        sent = message(chain, handed_on["id"])
        told = OnwardTerms.of_agreement(chain.acme.office.agreements.get(chain.inward))

        refused = offer(chain, sent, sent.custody, custody=onward_of(chain, sent).custody, onward=told)

        assert refused.codes == ("offer-denied",)


def test_who_has_not_pinned_the_origin_refuses_and_says_what_helps(tmp_path: Path) -> None:
    three = Chain(tmp_path, origin_pinned=False)
    try:
        sent = three.hand_on(three.deliver("unknown"))
        refusal = json.loads(three.borealis.office.outgoing.document(sent["id"], "refusal") or b"{}")
        introduce(three.cirrus, three.acme)
        again = three.hand_on(sent["root"])
    finally:
        three.close()

    assert sent["state"] == "denied"
    assert "origin-unknown" in refusal["codes"]
    assert f"pinned the trust document of {ACME}" in refusal["remedy"]
    assert again["state"] == "completed"


def onward_of(chain: Chain, sent: OfferMessage) -> Offer:
    trust = chain.cirrus.office.trust.organization_trust(BOREALIS)
    return Offer.read(trust.verify(json.dumps(sent.offer).encode(), predicate_type=Offer.predicate_type()))


def offer(
    chain: Chain, carried: OfferMessage, links: Any, *, artifact: Artifact | None = None, **changes: Any
) -> Problem:
    """Have Borealis sign another offer and make it; return how Cirrus refuses."""
    return knock(chain, signed_offer(chain, carried, links, artifact=artifact, **changes))


def knock(chain: Chain, made: OfferMessage) -> Problem:
    with pytest.raises(ProblemError) as refused:
        chain.cirrus.handlers.offer(BOREALIS, OfferMessage.parse(made.body()), "127.0.0.1")
    assert refused.value.problem.status == 403
    return refused.value.problem


def signed_offer(
    chain: Chain, carried: OfferMessage, links: Any, *, artifact: Artifact | None = None, **changes: Any
) -> OfferMessage:
    office, now = chain.borealis.office, chain.clock()
    held = artifact or office.registry.get(json.loads(carried.manifest)["name"] + ":1")
    said: dict[str, Any] = {
        "transfer": fresh_transfer(),
        "sender": BOREALIS,
        "receiver": CIRRUS,
        "artifact": held.root,
        "agreement": chain.onward,
        "nonce": fresh_nonce(),
        "issued": now,
        "checkpoint": office.newest_checkpoint(CIRRUS),
        "own_checkpoint": office.log.checkpoint().decode(),
        "manifest": held.manifest.digest,
        "chunks": held.chunks.digest,
        "purpose": "evaluation",
        "impact": "",
        "requester": f"bea@{BOREALIS}",
        "decision": {"id": "0" * 32, "decision": "permit", "policy": sha256(b"policy")},
        "expires": now + timedelta(hours=1),
    }
    signed = office.sign(Offer(**said | changes).statement(), f"bea@{BOREALIS}")
    return carried.model_copy(update={"offer": json.loads(signed), "custody": links or None})
