"""Third parties are asked with patience, and believed nothing but a cosignature."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from engine.audit.log import AuditLog
from engine.errors import Interrupted
from engine.gateway.third_parties import ThirdParties, ThirdParty
from tests.unit.audit.conftest import Acme, Borealis, acme, borealis

__all__ = ["acme", "borealis"]

IDENTITY = "spiffe://acme.example/gateway"


@pytest.fixture
def log(acme: Acme) -> Iterator[AuditLog]:
    with acme.open() as opened:
        opened.record_many(acme.events(3))
        yield opened


def witness(borealis: Borealis, ask: Callable[[bytes], tuple[int, bytes]]) -> ThirdParty:
    return ThirdParty("archive", borealis.key, ask)


def test_a_cosignature_is_kept_and_recorded(log: AuditLog, acme: Acme, borealis: Borealis) -> None:
    def ask(body: bytes) -> tuple[int, bytes]:
        said = borealis.witness().add_checkpoint(body)
        return said.status, said.body

    third = ThirdParties(log, IDENTITY, 30.0, lambda: 0.0)
    third.ask_all([witness(borealis, ask)], log.checkpoint())
    log.record_many(acme.events(5, start=3))
    third.ask_all([witness(borealis, ask)], log.checkpoint())

    assert borealis.witness().last(acme.origin)
    recorded = [each for each in map(log.entry, range(log.size)) if each.type == "witness.received"]
    assert [each.payload["size"] for each in recorded if each.payload] == [3, 9]


def test_a_size_we_forgot_is_told_by_the_witness(log: AuditLog, acme: Acme, borealis: Borealis) -> None:
    borealis.cosign(log)
    log.record_many(acme.events(2, start=3))
    asked = []

    def ask(body: bytes) -> tuple[int, bytes]:
        asked.append(body.partition(b"\n")[0])
        said = borealis.witness().add_checkpoint(body)
        return said.status, said.body

    forgetful = ThirdParties(log, IDENTITY, 30.0, lambda: 0.0)
    acme.tamper("DELETE FROM cosignature")
    forgetful.ask_all([witness(borealis, ask)], log.checkpoint())

    assert asked == [b"old 0", b"old 3"]
    assert log.cosigned_checkpoint(borealis.key.name) is not None


def test_one_that_fails_is_asked_less_and_less_often(log: AuditLog, borealis: Borealis) -> None:
    now, asked = [0.0], []

    def fail(_: bytes) -> tuple[int, bytes]:
        asked.append(now[0])
        raise Interrupted("gone", remedy="none")

    third = ThirdParties(log, IDENTITY, 30.0, lambda: now[0])
    for second in range(0, 20_000, 30):
        now[0] = float(second)
        third.ask_all([witness(borealis, fail)], log.checkpoint())

    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps[:3] == [60.0, 120.0, 240.0]
    assert set(gaps[6:]) == {3600.0}


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b""),
        (200, b"\xff" * 100),
        (200, "— borealis.example/lading/witness AAAA\n".encode()),
        (200, "— eve.example Y29zaWduYXR1cmU=\n".encode()),
        (409, b"99999999999999999999\n"),
        (409, b"\xb2\n"),
        (409, b"-1\n"),
        (302, b""),
        (500, b"\x1b[2J"),
    ],
)
def test_a_hostile_one_gets_nothing_into_the_log(
    log: AuditLog,
    borealis: Borealis,
    status: int,
    answer: bytes,
) -> None:
    third = ThirdParties(log, IDENTITY, 30.0, lambda: 0.0)

    third.ask_all([witness(borealis, lambda _: (status, answer))], log.checkpoint())

    assert log.cosigned_checkpoint(borealis.key.name) is None
    assert "witness.received" not in {log.entry(index).type for index in range(log.size)}
