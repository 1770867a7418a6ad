"""The log is shipped to real collectors, at least once, whatever is killed."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError, LogTampered, OwnerBusy, PartnerUnreachable, UsageError, WireError
from engine.workspace.log import shipping
from engine.workspace.log.shipping import Shipment, ship_log
from tests.unit.workspace.collectors import certificate, https, syslog
from tests.unit.workspace.test_querying import STOPS, record


@pytest.fixture
def busy(home: Path) -> Path:
    record(home, 0, 650)
    return home


def ship(home: Path, to: str, **options: Any) -> Any:
    told: list[dict[str, Any]] = []
    shipment = Shipment(**{"to": to, "format": "jsonl", "name": "siem", "patience_seconds": 5} | options)
    return ship_log(home, shipment, told.append, wait=lambda _: None) | {"told": told}


def command(home: Path, to: str, *more: str) -> "subprocess.Popen[bytes]":
    arguments = [
        sys.executable,
        "-m",
        "engine.cli",
        "-C",
        str(home),
        "audit",
        "ship",
        "--to",
        to,
        "--name",
        "siem",
        *more,
    ]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.parametrize("tls", [False, True])
def test_everything_arrives_in_order_and_the_next_run_goes_on(busy: Path, tmp_path: Path, tls: bool) -> None:  # noqa: FBT001
    pem = certificate(tmp_path) if tls else None
    with syslog(pem) as collected:
        collected.wanted = 656
        to = f"syslog{'+tls' if tls else ''}://127.0.0.1:{collected.port}"

        first = ship(busy, to, ca=pem)
        again = ship(busy, to, ca=pem)
        record(busy, 650, 5)
        last = ship(busy, to, ca=pem)

        assert collected.enough.wait(10)
        assert (first["shipped"], again["shipped"], last["shipped"]) == (651, 0, 5)
        assert collected.indexes == list(range(656))
    assert (busy / "state" / "ship" / "siem.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["syslog", "https"])
def test_a_shipper_that_is_killed_in_the_middle_loses_nothing(busy: Path, tmp_path: Path, kind: str) -> None:
    record(busy, 650, 3000)
    pem = certificate(tmp_path)
    with syslog() if kind == "syslog" else https(pem) as collected:
        to = f"{kind}://127.0.0.1:{collected.port}"
        for wanted in (300, 1100, 2300):
            collected.enough.clear()
            collected.wanted = wanted
            running = command(busy, to, "--ca", str(pem))
            assert collected.enough.wait(60)
            running.send_signal(signal.SIGKILL)
            running.communicate()
        collected.enough.clear()
        collected.wanted = len(collected.indexes) + 1

        ship(busy, to, ca=pem)

        assert collected.enough.wait(10) or collected.indexes[-1] == 3650
        until(lambda: set(collected.indexes) == set(range(3651)))
        assert set(collected.indexes) == set(range(3651))
        if kind == "https":  # a repeated batch has the key it had before
            assert collected.indexes == list(range(3651))


def until(done: Any) -> None:
    """Look until something is so, for ten seconds at most."""
    waiting = shipping.time.monotonic() + 10
    while not done() and shipping.time.monotonic() < waiting:
        shipping.time.sleep(0.01)


@pytest.mark.parametrize("stop", STOPS)
def test_following_ships_what_is_recorded_later_and_ends_in_order(busy: Path, stop: signal.Signals) -> None:
    with syslog() as collected:
        collected.wanted = 651
        running = command(busy, f"syslog://127.0.0.1:{collected.port}")
        assert collected.enough.wait(60)
        collected.enough.clear()
        collected.wanted = 661

        record(busy, 650, 10)

        assert collected.enough.wait(20)
        running.send_signal(stop)
        assert running.wait(20) == 0
        running.communicate()
        assert collected.indexes == list(range(661))


def test_failures_are_waited_for_and_a_repeated_batch_keeps_its_key(busy: Path, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with https(pem) as collected:
        collected.answers = [503, 429]

        result = ship(busy, f"https://127.0.0.1:{collected.port}/in?x=1", ca=pem, token="secret")

        keys = [headers["Idempotency-Key"] for headers in collected.headers]
        assert keys[0] == keys[1] == keys[2] != keys[3]
        assert collected.indexes == list(range(651))
        assert collected.headers[0]["Authorization"] == "Bearer secret"
        assert collected.headers[0]["Content-Type"] == "application/x-ndjson"
        assert [report["why"] for report in result["told"] if "why" in report] == [
            "127.0.0.1 answered 503 Service Unavailable",
            "127.0.0.1 answered 429 Too Many Requests",
        ]


def test_a_refusal_ends_it_and_nothing_moves_on(busy: Path, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with https(pem) as collected:
        collected.answers = [403]
        to = f"https://127.0.0.1:{collected.port}/"

        with pytest.raises(WireError, match="answered 403"):
            ship(busy, to, ca=pem)

        assert ship(busy, to, ca=pem)["shipped"] == 651


def test_a_collector_nobody_vouches_for_gets_nothing(busy: Path, tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    with https(pem) as collected:
        with pytest.raises(PartnerUnreachable, match="certificate verify failed"):
            ship(busy, f"https://127.0.0.1:{collected.port}/", patience_seconds=0)
        assert collected.headers == []


def test_a_collector_that_is_away_is_waited_for_as_long_as_patience_lasts(busy: Path) -> None:
    with syslog() as collected:
        port = collected.port

    with pytest.raises(PartnerUnreachable, match="took nothing for 0 s") as refused:
        ship(busy, f"syslog://127.0.0.1:{port}", patience_seconds=0)
    assert "goes on where it stopped" in refused.value.remedy

    with syslog(port=port) as collected:
        assert ship(busy, f"syslog://127.0.0.1:{port}")["shipped"] == 651
        until(lambda: len(collected.indexes) == 651)
        assert collected.indexes == list(range(651))


@pytest.mark.parametrize(
    "to",
    ["http://x", "syslog://", "ftp://x/", "https://user:secret@x/", "syslog://x:99999", "nothing", "https://x/#f"],
)
def test_what_is_no_destination_is_refused(home: Path, to: str) -> None:
    with pytest.raises(UsageError):
        ship(home, to)


def test_a_place_is_of_one_destination_format_and_log(busy: Path) -> None:
    with syslog() as collected:
        to = f"syslog://127.0.0.1:{collected.port}"
        ship(busy, to)

        with pytest.raises(InputError, match="this name ships"):
            ship(busy, to, format="ocsf")
        with pytest.raises(UsageError, match="cannot name a file"):
            ship(busy, to, name="../x")
        with pytest.raises(OwnerBusy), shipping.held(busy / "state" / "ship" / "siem.lock"):
            ship(busy, to)

        place = busy / "state" / "ship" / "siem.json"
        place.write_text(place.read_text().replace('"leaf":"', '"leaf":"00'))
        with pytest.raises(LogTampered, match="that was shipped"):
            ship(busy, to)
        place.write_text('{"next":1}')
        with pytest.raises(InputError, match="does not say how far"):
            ship(busy, to)


def test_a_name_is_made_of_the_destination(busy: Path) -> None:
    with syslog() as collected:
        name = ship(busy, f"syslog://127.0.0.1:{collected.port}", name=None)["name"]

    assert name == f"syslog-127.0.0.1-{collected.port}"
    assert sorted(each.name for each in (busy / "state" / "ship").iterdir()) == [f"{name}.json", f"{name}.lock"]
