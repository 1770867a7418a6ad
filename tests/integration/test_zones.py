"""Network zones in a handoff: each side denies by its own, and what policy permitted for one zone goes to no other."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.demo.model import make_model
from engine.errors import Interrupted, UsageError, WireError
from tests.integration.link import at, broken
from tests.integration.simulator import BOREALIS, PartnerSimulator, Side

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"
LAB, PARTNER, ELSEWHERE = "10.20.0.1", "127.0.0.1", "192.0.2.1"
ZONES = 'lab = ["10.20.0.0/16"]\npartner = ["127.0.0.0/8"]'


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path_factory.mktemp("two"), SAMPLE)
    yield simulator
    simulator.close()


@pytest.fixture
def two(founded: PartnerSimulator) -> Iterator[PartnerSimulator]:
    """Both sides with the same zones, each in a network that the other one named."""
    yield founded
    founded.link.address = founded.link.source = PARTNER
    founded.link.before = founded.link.after = lambda _: None
    founded.link.breaks_after = None
    for side in (founded.acme, founded.borealis):
        name_zones(side, "")


@pytest.fixture
def root(two: PartnerSimulator, tmp_path: Path) -> str:
    name_zones(two.acme, ZONES)
    source = make_model(tmp_path / "model", size=13 << 20).folder
    name = tmp_path.name.replace("_", "-")
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])


def name_zones(side: Side, zones: str) -> None:
    """Have a side name these zones, and start it again."""
    file = side.home / "lading.toml"
    before = file.read_text().partition("\n[zones]")[0]
    file.write_text(f"{before}\n[zones]\n{zones}\n")
    side.restart()


def moves(two: PartnerSimulator, request: str, address: str, number: int = 1) -> Callable[[str], None]:
    """Return a hook by which the partner's name leads elsewhere after a request."""
    return at(request, number, lambda: setattr(two.link, "address", address))


def breaks_and_moves(two: PartnerSimulator, address: str) -> None:
    """The line breaks, and the partner's name leads elsewhere from now on."""
    two.link.address = address
    raise broken()


def zones_of(side: Side, transfer: str) -> list[tuple[str, str]]:
    """Return the decisions about a transfer, each with the zone that policy saw."""
    entries = [each for each in side.office.log.of_transfer(transfer) if each.type.startswith("decision.")]
    records: list[Any] = [json.loads((each.payload or {})["record"]) for each in entries]
    return [(each["decision"], each["request"]["context"]["transfer"]["zone"]) for each in records]


def failed(two: PartnerSimulator, root: str) -> Any:
    [transfer] = [each for each in two.acme.office.outgoing.all() if each.artifact == root]
    assert transfer.state == "failed"
    return transfer


def test_an_offer_from_a_network_that_the_receiver_did_not_name_is_denied(two: PartnerSimulator, root: str) -> None:
    name_zones(two.borealis, 'partner = ["10.0.0.0/8"]')

    sent = two.send(root)

    [denial] = [each for each in two.borealis.office.log.of_transfer(sent["id"]) if each.type == "decision.deny"]
    assert sent["state"] == "denied"
    assert zones_of(two.acme, sent["id"]) == [("permit", "partner")]
    assert zones_of(two.borealis, sent["id"]) == [("deny", "outside")]
    assert "deny-zone" in str(denial.payload)


def test_nothing_is_offered_to_a_gateway_in_a_network_that_the_sender_did_not_name(
    two: PartnerSimulator, root: str
) -> None:
    two.link.address = ELSEWHERE
    two.link.asked.clear()

    sent = two.send(root)

    assert (sent["state"], [each["policy"] for each in sent["reasons"]]) == ("denied", ["deny-zone"])
    assert zones_of(two.acme, sent["id"]) == [("deny", "outside")]
    assert two.link.asked == ["checkpoint"]


def test_who_can_send_is_asked_of_the_network_that_is_named(two: PartnerSimulator, root: str) -> None:
    def senders(**zone: str) -> set[str]:
        terms = {"to": BOREALIS, "agreement": two.agreement, "purpose": "evaluation"}
        answers = two.acme.ask("policy.who-can", action="send", resource=root, **terms, **zone)["answers"]
        assert answers
        return {each["principal"] for each in answers if each["decision"] == "permit"}

    assert senders() == senders(zone="partner") != set()
    assert senders(zone="outside") == set()
    with pytest.raises(UsageError, match=r"lading\.toml names no zone 'lan'"):
        senders(zone="lan")


@pytest.mark.parametrize("request_", ["checkpoint", "offer", "missing"])
@pytest.mark.parametrize("address", [LAB, ELSEWHERE])
def test_a_name_that_leads_elsewhere_after_the_permit_gets_nothing(
    two: PartnerSimulator, root: str, request_: str, address: str
) -> None:
    two.link.after = moves(two, request_, address)
    two.link.asked.clear()

    with pytest.raises(WireError, match=r"network zone '(lab|outside)', policy permitted 'partner'") as refused:
        two.send(root)

    assert type(refused.value) is WireError
    assert two.link.asked == ["checkpoint", "offer", "missing"][: len(two.link.asked)]
    assert two.link.asked[-1] == request_
    transfer = failed(two, root)
    assert two.acme.log_of(transfer.id)[-1] == "transfer.failed"
    assert zones_of(two.acme, transfer.id) == [("permit", "partner")]


def test_a_restart_goes_by_the_zone_that_was_permitted_before(two: PartnerSimulator, root: str) -> None:
    two.link.before = at("offer", 1, lambda: breaks_and_moves(two, LAB))
    with pytest.raises(Interrupted):
        two.send(root, patience=0)
    two.acme.restart()

    with pytest.raises(WireError, match="zone 'lab', policy permitted 'partner'"):
        two.send(root)

    assert zones_of(two.acme, failed(two, root).id) == [("permit", "partner")]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("request_", ["missing", "chunk"])
def test_a_gateway_that_moved_to_another_zone_is_decided_about_anew(
    two: PartnerSimulator, root: str, request_: str, *, restarted: bool
) -> None:
    two.link.before = at(request_, 1, lambda: breaks_and_moves(two, LAB))
    if restarted:
        with pytest.raises(Interrupted):
            two.send(root, patience=0)
        two.acme.restart()

    sent = two.send(root)

    assert (sent["state"], sent["sent_twice"]) == ("completed", 0)
    assert zones_of(two.acme, sent["id"]) == [("permit", "partner"), ("permit", "lab")]


def test_a_gateway_that_moved_outside_stops_the_transfer(two: PartnerSimulator, root: str) -> None:
    two.link.before = at("chunk", 2, lambda: breaks_and_moves(two, ELSEWHERE))

    sent = two.send(root)

    assert (sent["state"], sent["detail"]) == ("denied", "stopped on the way by deny-zone")
    assert zones_of(two.acme, sent["id"]) == [("permit", "partner"), ("deny", "outside")]


def test_when_policy_sees_another_zone_on_the_way_no_older_connection_goes_on(two: PartnerSimulator, root: str) -> None:
    settings = two.acme.office.settings
    always = settings.gateway.model_copy(update={"reauthorize_seconds": 0})
    two.acme.office.settings = settings.model_copy(update={"gateway": always})
    two.link.before = at("chunk", 2, lambda: setattr(two.link, "address", LAB))

    sent = two.send(root)

    assert (sent["state"], sent["sent_twice"]) == ("completed", 0)
    assert zones_of(two.acme, sent["id"]) == [("permit", "partner"), ("permit", "lab")]
    assert two.acme.log_of(sent["id"]).count("transfer.resumed") == 1


def test_what_was_delivered_is_judged_wherever_the_gateway_is(two: PartnerSimulator, root: str) -> None:
    two.link.after = moves(two, "commit", ELSEWHERE)

    assert two.send(root)["verdict"] == "released"
