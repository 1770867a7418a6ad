"""Listener processes: they start, are replaced, die, and go with their owner."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.errors import Interrupted, WireError
from engine.wire import listeners
from engine.wire.config import Limits, ListenerConfig
from engine.wire.listeners import Listeners
from engine.wire.upload import UploadReport

MIB = 1 << 20
PATIENCE = 20


@pytest.fixture
def own(open_gateway: Any) -> Any:
    """A gateway whose processes a test may do anything to."""
    return open_gateway(limits=Limits(drain=5.0))


def until(condition: Callable[[], bool]) -> bool:
    """Look again and again, for a bounded time."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(50 * PATIENCE)) and condition()


def is_gone(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_dies_is_replaced(own: Any, acme: Any) -> None:
    [first] = own.listeners.pids
    os.kill(first, signal.SIGKILL)
    assert until(lambda: own.listeners.pids not in ([], [first]))
    assert own.courier(acme).call("GET", "/v1/trust").status == 200


def test_a_ctrl_c_while_a_process_starts_is_for_the_owner_alone(
    own: Any, acme: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    start = subprocess.Popen

    def interrupted(*args: Any, **options: Any) -> Any:
        process = start(*args, **options)
        process.send_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    own.listeners.replace(own.config)

    assert own.courier(acme).call("GET", "/v1/trust").status == 200
    assert capfd.readouterr().err == ""


def test_processes_that_are_killed_while_chunks_flow_lose_none_they_acknowledged(
    own: Any, acme: Any, source: Any, never: threading.Event
) -> None:
    contents = [secrets.token_bytes(MIB) for _ in range(12)]
    transfer = own.expect(contents)
    kills = iter(range(2))

    def kill(report: UploadReport) -> None:
        assert own.journal.counts(transfer).chunks >= report.chunks
        if next(kills, None) is not None:
            assert until(lambda: own.listeners.pids != [])
            for pid in own.listeners.pids:
                os.kill(pid, signal.SIGKILL)

    report = own.courier(acme).upload(transfer, source(contents), cancelled=never, progress=kill)
    assert report.chunks == 12
    assert report.retries > 0
    assert all(own.holds(content) for content in contents)


def test_new_processes_take_over_with_a_new_certificate_and_new_trust(own: Any, cirrus: Any, borealis: Any) -> None:
    [old] = own.listeners.pids
    delta = type(cirrus).new("delta.example")
    bundles = {**own.config.bundles, delta.name: delta.bundle}
    own.listeners.replace(replace(own.config, leaf=borealis.leaf(), bundles=bundles))
    own.config.bundles[delta.name] = delta.bundle
    assert own.courier(delta).call("GET", "/v1/trust").status == 200
    assert own.listeners.pids != [old]
    assert until(lambda: is_gone(old))


def test_a_chunk_that_is_on_its_way_survives_the_change(own: Any, acme: Any, dial: Any) -> None:
    content = secrets.token_bytes(MIB)
    transfer = own.expect([content])
    caller = dial(own, acme.leaf())
    head = f"PUT /v1/transfers/{transfer}/chunks/{digest(content)} HTTP/1.1\r\nContent-Length: {MIB}\r\n"
    caller.say(head.encode() + b"Host: b\r\n\r\n" + content[:1000])
    own.listeners.replace(own.config)
    assert caller.say(content[1000:]).hear()[0] == 201
    assert own.holds(content)


def test_a_process_that_cannot_start_changes_nothing(own: Any, acme: Any, capfd: pytest.CaptureFixture[str]) -> None:
    pids = own.listeners.pids
    with pytest.raises(WireError, match="did not start"):
        own.listeners.replace(replace(own.config, journal=own.config.journal / "no" / "such"))
    assert "cannot be used" in capfd.readouterr().err
    assert own.listeners.pids == pids
    assert own.courier(acme).call("GET", "/v1/trust").status == 200


def test_a_process_that_does_not_answer_in_time_did_not_start(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "START_SECONDS", 0.0)
    with pytest.raises(WireError, match="did not start"):
        own.listeners.replace(own.config)


def test_what_does_not_finish_is_killed_in_the_end(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "_GRACE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hung = Listeners(listening, replace(own.config, limits=Limits(drain=0.2)), count=1)
        hung.start()
        [stuck] = hung.pids
        os.kill(stuck, signal.SIGSTOP)
        hung.stop()
        assert is_gone(stuck)


def test_listeners_die_with_their_owner_however_it_dies(own: Any) -> None:
    """The owner here is a process of its own, and is killed."""
    program = """
import socket, sys
from engine.wire.config import ListenerConfig
from engine.wire.listeners import Listeners
from engine.wire.upload import UploadReport
listeners = Listeners(socket.create_server(("127.0.0.1", 0)), ListenerConfig.read(sys.stdin.buffer.readline()), count=2)
listeners.start()
print(*listeners.pids, flush=True)
sys.stdin.read()
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        owner.stdin.write(own.config.line().decode())
        owner.stdin.flush()
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        owner.kill()
    assert until(lambda: all(is_gone(pid) for pid in pids))


def test_an_owner_that_dies_before_it_says_anything_leaves_nothing_behind() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listening:
        descriptors = (theirs.fileno(), listening.fileno())
        worker = subprocess.Popen(
            [sys.executable, "-m", "engine.wire.worker", *map(str, descriptors)], pass_fds=descriptors
        )
        theirs.close()
        ours.close()
        assert worker.wait(PATIENCE) == 0


def test_listener_processes_stay_light() -> None:
    """What parses bytes from partners holds neither policy, signatures, databases of others nor their libraries."""
    heavy = ["sqlalchemy", "sigstore", "pydantic", "alembic", "cedarpy", "model_signing", "textual", "yaml", "click"]
    program = f"import sys, engine.wire.worker; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_stopping_twice_and_before_starting_is_harmless(own: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        idle = Listeners(listening, own.config, count=1)
        idle.stop()
        idle.stop()
        assert idle.pids == []


def test_a_configuration_survives_the_pipe(own: Any) -> None:
    assert ListenerConfig.read(own.config.line()) == own.config
    assert "PRIVATE" not in repr(own.config)
    assert own.config.names_key.hex() not in repr(own.config)


def test_a_courier_waits_out_a_restart(own: Any, acme: Any) -> None:
    """Connections wait in the owner's socket while there is no process to take them."""
    [pid] = own.listeners.pids
    os.kill(pid, signal.SIGKILL)
    answers = []
    with suppress(Interrupted):  # the dying process may take it along
        answers.append(own.courier(acme).call("GET", "/v1/trust").status)
    answers.append(own.courier(acme).call("GET", "/v1/trust").status)
    assert answers[-1] == 200
