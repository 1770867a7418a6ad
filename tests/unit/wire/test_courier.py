"""A courier meets gateways that are not what they should be."""

import itertools
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.digest import sha256
from engine.errors import Interrupted, Refused, UntrustedPeer, WireError
from engine.events import system_clock
from engine.transfer.courier import CourierPartner
from engine.wire import dial
from engine.wire.courier import Courier
from engine.wire.dial import Line, Partner
from engine.wire.tls import client_context, server_context
from engine.wire.upload import Chunk, FilePlace

Script = Callable[[ssl.SSLSocket], object]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def stage(acme: Any, borealis: Any) -> Iterator[Callable[..., Partner]]:
    """Have somebody answer at Borealis' address by a script, for each connection; Acme is who dials."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def perform(context: ssl.SSLContext, script: Script) -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
                    script(tls)

    def build(script: Script, *, actor: Any = borealis, name: str | None = None) -> Partner:
        context = server_context(actor.leaf(name), acme.bundle)
        threads.append(threading.Thread(target=perform, args=(context, script), daemon=True))
        threads[-1].start()
        leaf = acme.leaf()
        return Partner(
            borealis.name,
            f"https://127.0.0.1:{listening.getsockname()[1]}",
            borealis.bundle,
            lambda: client_context(leaf, borealis.bundle),
            system_clock,
            lambda _: None,
        )

    yield build
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for thread in threads:
        thread.join(20)


def head(tls: ssl.SSLSocket) -> bytes:
    """Read to the end of a request's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        byte = tls.recv(1)
        if not byte:
            raise ConnectionResetError("the caller went away")
        data += byte
    return data


def answering(*answers: bytes) -> Script:
    """Answer one request after the other, and close the connection behind the last."""
    remaining = list(answers)

    def script(tls: ssl.SSLSocket) -> None:
        while remaining:
            head(tls)
            tls.sendall(remaining.pop(0))

    return script


class TestWhoAnswers:
    def test_somebody_with_another_authority_hears_nothing(self, stage: Any, cirrus: Any) -> None:
        heard: list[bytes] = []
        partner = stage(lambda tls: heard.append(tls.recv(1)), actor=cirrus, name="borealis.example")
        with pytest.raises(UntrustedPeer, match=r"is not borealis\.example"):
            Courier(partner).call("GET", "/v1/trust")
        assert heard == []

    def test_a_certificate_of_another_name_from_the_right_authority_is_not_enough(self, stage: Any) -> None:
        heard: list[bytes] = []
        partner = stage(lambda tls: heard.append(tls.recv(1)), name="cirrus.example")
        with pytest.raises(UntrustedPeer, match=r"is not borealis\.example"):
            Courier(partner).call("GET", "/v1/trust")
        assert heard in ([], [b""])

    def test_a_partner_that_refuses_our_certificate_is_told_from_a_bad_network(self, gateway: Any, acme: Any) -> None:
        stranger = type(acme).new("acme.example")
        with pytest.raises(UntrustedPeer, match=r"does not take this gateway's certificate .*UNKNOWN_CA"):
            gateway.courier(stranger).call("GET", "/v1/trust")


class TestWhereItIsReached:
    def test_every_connection_says_what_address_it_reached_before_anything_is_asked(self, stage: Any) -> None:
        happened: list[object] = []

        def answer(tls: ssl.SSLSocket) -> None:
            happened.append(head(tls)[:3])
            tls.sendall(OK)

        partner = replace(stage(answer), admits=happened.append)
        for _ in range(2):
            Courier(partner).call("GET", "/v1/trust")
        assert happened == ["127.0.0.1", b"GET", "127.0.0.1", b"GET"]

    def test_an_address_that_is_not_admitted_hears_nothing(self, stage: Any) -> None:
        heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        partner = replace(stage(lambda tls: heard.put(tls.recv(1))), admits=not_there)
        with pytest.raises(WireError, match=r"not at 127\.0\.0\.1"):
            Courier(partner).call("GET", "/v1/trust")
        assert heard.get(timeout=20) == b""

    def test_of_several_addresses_the_one_that_was_reached_counts(
        self, stage: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        partner = stage(answering(OK))
        port = int(partner.url.rpartition(":")[2])

        def resolve(*_: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port)) for each in ("127.0.0.9", "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        named = replace(partner, url=f"https://gateway.borealis.example:{port}", admits=seen.append)
        assert Courier(named).call("GET", "/v1/trust").body == b"ok"
        assert seen == ["127.0.0.1"]

    def test_no_lane_of_an_upload_goes_where_it_is_not_admitted_and_none_tries_again(
        self, stage: Any, tmp_path: Path
    ) -> None:
        heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        dialled: list[str] = []
        (tmp_path / "model").write_bytes(b"model")
        chunk = Chunk(sha256(b"model"), 5, FilePlace(tmp_path / "model", 0))

        def admits(address: str) -> None:
            dialled.append(address)
            not_there(address)

        partner = replace(stage(lambda tls: heard.put(tls.recv(1))), admits=admits)
        with pytest.raises(WireError, match="not at"):
            Courier(partner).upload("tr-1", [chunk], cancelled=threading.Event(), progress=lambda _: None)
        assert (len(dialled), heard.get(timeout=20)) == (1, b"")

    def test_a_lane_that_dials_again_is_judged_again(self, stage: Any, tmp_path: Path) -> None:
        heard: list[bytes] = []
        addresses: list[str] = []
        (tmp_path / "model").write_bytes(b"model")
        chunk = Chunk(sha256(b"model"), 5, FilePlace(tmp_path / "model", 0))

        def admits(address: str) -> None:
            addresses.append(address)
            if len(addresses) > 1:
                not_there(address)

        def hang_up(tls: ssl.SSLSocket) -> None:
            heard.append(head(tls)[:3])

        partner = replace(stage(hang_up), admits=admits)
        with pytest.raises(WireError, match="not at"):
            Courier(partner).upload("tr-1", [chunk], cancelled=threading.Event(), progress=lambda _: None)
        assert (len(addresses), heard) == (2, [b"PUT"])


def not_there(address: str) -> None:
    raise WireError(f"not at {address}", remedy="Look at the name.")


class TestWhatIsAnswered:
    def test_a_connection_is_used_again_until_the_partner_closes_it(self, stage: Any) -> None:
        last = OK.replace(b"OK", b"OK\r\nConnection: close", 1)
        partner = stage(answering(OK, last, OK))
        dialled: list[int] = []

        def context() -> ssl.SSLContext:
            dialled.append(1)
            return partner.context()

        line = Line(replace(partner, context=context))
        assert [(line.ask("GET", "/").body, len(dialled)) for _ in range(3)] == [(b"ok", 1), (b"ok", 1), (b"ok", 2)]
        line.hang_up()

    @pytest.mark.parametrize("answer", [b"", b"hello\r\n\r\n", OK[:-1], b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200])
    def test_half_an_answer_or_none_is_an_interruption(self, stage: Any, answer: bytes) -> None:
        with pytest.raises(Interrupted, match=r"the connection to borealis\.example broke"):
            Courier(stage(answering(answer))).call("GET", "/v1/trust")

    def test_an_answer_that_is_too_large_is_not_read(self, stage: Any) -> None:
        flood = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"
        with pytest.raises(WireError, match="at most 100 make sense"):
            Courier(stage(answering(flood))).call("GET", "/v1/trust", limit=100)

    def test_a_witness_has_little_to_say(self, stage: Any) -> None:
        flood = b"HTTP/1.1 409 Conflict\r\nContent-Length: 65537\r\n\r\n"
        with pytest.raises(WireError, match="at most 65536 make sense"):
            CourierPartner(Courier(stage(answering(flood)))).add_checkpoint(b"old 3\n\nnote")

    @pytest.mark.parametrize("how", [b"", b"Transfer-Encoding: chunked\r\n"])
    def test_an_answer_that_does_not_say_where_it_ends_is_not_believed(self, stage: Any, how: bytes) -> None:
        with pytest.raises(Interrupted, match="does not say how long"):
            Courier(stage(answering(b"HTTP/1.1 200 OK\r\n" + how + b"\r\nx"))).call("GET", "/v1/trust")

    def test_a_partner_that_says_nothing_is_not_waited_for_forever(
        self, stage: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dial, "ANSWER_SECONDS", 0.2)
        over = threading.Event()
        partner = stage(lambda _: over.wait(20))
        try:
            with pytest.raises(Interrupted):
                Courier(partner).call("GET", "/v1/trust")
        finally:
            over.set()

    def test_a_partner_that_trickles_is_cut_off_however_busy_it_looks(
        self, stage: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dial, "ANSWER_SECONDS", 0.3)
        cut = threading.Event()

        def trickle(tls: ssl.SSLSocket) -> None:
            try:
                for byte in itertools.cycle(b"X"):
                    tls.sendall(bytes([byte]))
                    if cut.wait(0.02):
                        return
            finally:
                cut.set()

        with pytest.raises(Interrupted):
            Courier(stage(trickle)).call("GET", "/v1/trust")
        assert cut.wait(20)

    def test_a_refusal_that_comes_while_the_body_is_on_its_way_is_heard(self, stage: Any) -> None:
        def refuse(tls: ssl.SSLSocket) -> None:
            head(tls)
            tls.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        with pytest.raises(Refused) as refusal:
            Courier(stage(refuse)).call("POST", "/v1/transfers", b"x" * (32 << 20))
        assert refusal.value.status == 413
        assert "no reason given" in str(refusal.value)
