"""A courier meets gateways that are not what they should be."""

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import Interrupted, Refused, UntrustedPeer, WireError
from engine.events import system_clock
from engine.wire import dial
from engine.wire.courier import Courier
from engine.wire.dial import Line, Partner
from engine.wire.tls import client_context, server_context

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
