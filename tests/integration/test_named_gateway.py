"""A real gateway that is reached by a name, while somebody else decides what the name means at each look-up."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.demo.handoff import Handoff
from engine.demo.model import make_model
from engine.demo.organizations import Organization, free_port
from engine.errors import WireError
from engine.workspace.log.querying import Question, ask_log

NAME = "gateway.borealis.example"
HERE, THERE = "127.0.0.1", "127.0.0.2"
"""Two addresses of one gateway, in different zones."""
LAB = f'\nlab = ["{THERE}/32"]'
SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"


class Resolver:
    """Answers for one name in place of the machine's resolver: with `HERE`, and from one look-up on with `THERE`.

    Attributes:
        moves_at: which look-up that is, counted from 1; 0 for none.
        answers: what it said so far.
    """

    def __init__(self) -> None:
        self.moves_at = 0
        self.answers: list[str] = []
        self._ask = socket.getaddrinfo

    def __call__(self, host: Any, *rest: Any, **named: Any) -> Any:
        if host != NAME:
            return self._ask(host, *rest, **named)
        self.answers.append(THERE if 0 < self.moves_at <= len(self.answers) + 1 else HERE)
        return self._ask(self.answers[-1], *rest, **named)


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    with pytest.MonkeyPatch.context() as patch:
        found = Resolver()
        patch.setattr(socket, "getaddrinfo", found)
        yield found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, resolver: Resolver) -> Iterator[Handoff]:
    """Borealis' gateway at every address of this machine, and Acme without one: its commands dial from this process."""
    assert resolver.answers == []
    folder = tmp_path_factory.mktemp("pair")
    acme = Organization("acme.example", "Acme", "EU", folder / "acme", {"ada": "administrator, operator"})
    borealis = Organization("borealis.example", "Borealis", "US", folder / "borealis", {"bea": "administrator"})
    port = free_port()
    handoff = Handoff(acme, borealis, folder)
    try:
        acme.set_up()
        borealis.set_up(listen=f"0.0.0.0:{port}", url=f"https://{NAME}:{port}")
        borealis.start()
        handoff.make_partners()
        acme.ask("agreement.propose", {"file": str(SAMPLE)})
        for organization in (acme, borealis, acme):  # at last Acme fetches what Borealis signed
            signed = organization.ask("agreement.sign", {"ref": "acme-borealis-evaluation"})
        assert signed["in_force"]
        handoff.agreement = signed["digest"]
        yield handoff
    finally:
        borealis.stop()


def name_zones(organization: Organization, zones: str) -> None:
    file = organization.home / "lading.toml"
    file.write_text(f"{file.read_text().partition(chr(10) + '[zones]')[0]}\n[zones]\n{zones}\n")


def send(pair: Handoff, name: str) -> Any:
    source = make_model(pair.folder / name, size=24 << 20).folder
    packed = pair.acme.ask("artifact.pack", {"path": str(source), "name": name, "version": "1"})
    wish = {"artifact": packed["root"], "partner": pair.borealis.id, "agreement": pair.agreement}
    return pair.acme.ask("transfer.send", wish | {"purpose": "evaluation"})


def events(organization: Organization, transfer: str, more: str = "") -> list[Any]:
    """Return the types of a transfer's entries; those alone that a filter lets through, if there is one."""
    found: Any = ask_log(organization.home, Question(text=f"transfer:{transfer} {more}", limit=200))["entries"]
    return [entry["type"] for entry in reversed(found)]


def test_a_name_that_means_one_place_is_sent_to(pair: Handoff, resolver: Resolver) -> None:
    name_zones(pair.acme, f'partner = ["{HERE}/32"]')

    sent = send(pair, "steady")

    assert (sent["state"], sent["verdict"]) == ("completed", "released")
    assert set(resolver.answers) == {HERE}


@pytest.mark.parametrize(("look_up", "zones"), [(2, ""), (3, LAB), (4, "")])
def test_a_name_that_means_another_place_after_the_permit_does_not_help(
    pair: Handoff, resolver: Resolver, look_up: int, zones: str
) -> None:
    """The second look-up is for the offer, the third for what is missing, the fourth for chunks."""
    name_zones(pair.acme, f'partner = ["{HERE}/32"]{zones}')
    resolver.answers.clear()
    resolver.moves_at = look_up
    name = f"moved-{look_up}"

    with pytest.raises(WireError, match=r"answers from the network zone '(outside|lab)', policy permitted 'partner'"):
        send(pair, name)

    resolver.moves_at = 0
    [transfer] = [each for each in pair.acme.ask("transfer.list", {})["transfers"] if each["artifact"] == f"{name}:1"]
    assert transfer["state"] == "failed"
    assert resolver.answers[look_up - 1] == THERE
    assert events(pair.acme, transfer["id"])[-1] == "transfer.failed"
    assert ("transfer.accepted" in events(pair.borealis, transfer["id"])) == (look_up > 2)


def test_a_receiver_denies_an_offer_from_a_network_it_did_not_name(pair: Handoff) -> None:
    name_zones(pair.acme, f'partner = ["{HERE}/32"]')
    pair.borealis.stop()
    name_zones(pair.borealis, 'partner = ["10.0.0.0/8"]')
    pair.borealis.start()

    sent = send(pair, "denied")

    assert sent["state"] == "denied"
    assert events(pair.borealis, sent["id"], 'type:decision.deny "deny-zone"') == ["decision.deny"]
    assert events(pair.borealis, sent["id"], 'type:decision.deny "deny-purpose"') == []
