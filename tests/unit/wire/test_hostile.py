"""What a partner that means harm, or anybody else on the network, can do to a gateway."""

import secrets
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.errors import WorkspaceError
from engine.events import system_clock
from engine.wire.authority import GatewayCA, Leaf, gateway_id
from engine.wire.config import Limits
from engine.wire.messages import Refusal
from engine.wire.pack import write_head

Dial = Callable[[Any, Leaf], Any]

KIB = 1 << 10
MIB = 1 << 20


def put(transfer: str, sha256: str, size: int) -> str:
    return f"PUT /v1/transfers/{transfer}/chunks/{sha256} HTTP/1.1\nHost: b\nContent-Length: {size}"


@pytest.fixture(scope="module")
def hasty(open_gateway: Any) -> Any:
    """A gateway with little patience and little room."""
    return open_gateway(
        limits=Limits(
            handshake=0.5,
            idle=0.5,
            body=0.5,
            slowest_rate=100 * MIB,
            owner=1.0,
            drain=1.0,
            connections=4,
            connections_per_peer=2,
        )
    )


@pytest.fixture
def caller(gateway: Any, acme: Any, dial: Dial) -> Any:
    return dial(gateway, acme.leaf())


class TestWhoAsks:
    def test_without_a_certificate_nobody_gets_past_the_handshake(self, gateway: Any) -> None:
        context = ssl.create_default_context(cadata="".join(gateway.organization.bundle))
        context.check_hostname = False
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        with context.wrap_socket(plain) as tls, pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            tls.recv(1)

    def test_tls_1_2_is_not_spoken(self, gateway: Any) -> None:
        context = ssl.create_default_context(cadata="".join(gateway.organization.bundle))
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as plain,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(plain)

    def test_an_expired_leaf_does_not_get_past_the_handshake(self, gateway: Any, acme: Any, dial: Dial) -> None:
        long_ago = GatewayCA(acme.authority.pem(), lambda: system_clock() - timedelta(hours=2))
        caller = dial(gateway, long_ago.issue_leaf(gateway_id(acme.name), timedelta(minutes=15)))
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_EXPIRED"):
            caller.ask("GET /v1/trust HTTP/1.1\nHost: b")

    def test_an_authority_nobody_pinned_does_not_get_past_the_handshake(
        self, gateway: Any, acme: Any, dial: Dial
    ) -> None:
        stranger = GatewayCA.create(acme.name, system_clock)
        caller = dial(gateway, stranger.issue_leaf(gateway_id(acme.name), timedelta(minutes=15)))
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            caller.ask("GET /v1/trust HTTP/1.1\nHost: b")

    def test_another_partners_authority_cannot_mint_acme(
        self, gateway: Any, acme: Any, cirrus: Any, dial: Dial
    ) -> None:
        content = secrets.token_bytes(100)
        transfer = gateway.expect([content])
        caller = dial(gateway, cirrus.leaf(acme.name))
        status, problem = caller.ask(put(transfer, digest(content), 100), content)
        assert (status, problem["codes"]) == (403, ["untrusted-peer"])
        assert gateway.journal.missing(transfer) == [True]
        assert caller.is_dropped()

    def test_nobody_says_who_they_are_in_a_header(self, gateway: Any, cirrus: Any, dial: Dial) -> None:
        dial(gateway, cirrus.leaf()).ask(
            "GET /v1/trust HTTP/1.1\nHost: b\nLading-Peer-Certificate: YWNtZQ==\nLading-Peer-Certificate: eA=="
        )
        assert gateway.desk.asked[-1] == ("trust", "cirrus.example", None)


class TestWhatIsSent:
    def test_the_chunk_of_anothers_transfer_and_of_none_are_refused_alike(
        self, gateway: Any, cirrus: Any, dial: Dial
    ) -> None:
        content = secrets.token_bytes(100)
        foreign = gateway.expect([content], peer="acme.example")
        caller = dial(gateway, cirrus.leaf())
        answers = [caller.ask(put(transfer, digest(content), 100), content) for transfer in (foreign, "tr-" + "f" * 24)]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        assert not gateway.holds(content)

    def test_a_chunk_the_offer_does_not_name_is_refused(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"offered"])
        status, problem = caller.ask(put(transfer, digest(b"other"), 5), b"other")
        assert (status, problem["codes"]) == (404, ["unknown-chunk"])

    def test_other_bytes_under_an_offered_digest_are_refused(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"offered"])
        status, problem = caller.ask(put(transfer, digest(b"offered"), 7), b"Offered")
        assert (status, problem["codes"]) == (422, ["digest-mismatch"])
        assert gateway.journal.missing(transfer) == [True]

    def test_a_chunk_of_another_size_is_refused_before_it_is_read(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"offered"])
        status, problem = caller.ask(put(transfer, digest(b"offered"), 4 * MIB))
        assert (status, problem["codes"]) == (400, ["size-mismatch"])

    def test_a_chunk_that_is_held_is_not_taken_again(self, gateway: Any, caller: Any) -> None:
        content = secrets.token_bytes(5000)
        transfer = gateway.expect([content])
        head = put(transfer, digest(content), len(content))
        assert [caller.ask(head, content)[0] for _ in range(3)] == [201, 200, 200]

    def test_a_revoked_transfer_takes_not_one_chunk_more(self, gateway: Any, caller: Any) -> None:
        contents = [secrets.token_bytes(5000) for _ in range(2)]
        transfer = gateway.expect(contents)
        assert caller.ask(put(transfer, digest(contents[0]), 5000), contents[0])[0] == 201
        gateway.revoke(transfer)
        status, problem = caller.ask(put(transfer, digest(contents[1]), 5000), contents[1])
        assert (status, problem["codes"]) == (403, ["revoked"])
        assert not gateway.holds(contents[1])

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("nothing", b""),
            ("no chunk", write_head([])),
            ("more chunks than fit", b"\xff\xff\xff\xff"),
            ("a chunk twice", write_head([(digest(b"a"), 1)] * 2) + b"aa"),
            ("less than promised", write_head([(digest(b"a"), 2)]) + b"a"),
            ("more than promised", write_head([(digest(b"a"), 1)]) + b"ab"),
        ],
    )
    def test_a_pack_that_is_not_framed_as_it_says_is_refused(
        self, gateway: Any, caller: Any, name: str, body: bytes
    ) -> None:
        transfer = gateway.expect([b"a"])
        head = f"PUT /v1/transfers/{transfer}/packs HTTP/1.1\nHost: b\nContent-Length: {len(body)}"
        status, problem = caller.ask(head, body)
        assert (status, problem["codes"]) == (400, ["unreadable"]), name

    def test_one_wrong_chunk_makes_a_pack_worthless(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"a", b"b"])
        body = write_head([(digest(b"a"), 1), (digest(b"b"), 1)]) + b"aX"
        head = f"PUT /v1/transfers/{transfer}/packs HTTP/1.1\nHost: b\nContent-Length: {len(body)}"
        assert caller.ask(head, body)[0] == 422
        assert gateway.journal.missing(transfer) == [True, True]


class TestHowItIsSent:
    def test_a_body_that_does_not_say_its_length_is_refused(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"x"])
        head = f"PUT /v1/transfers/{transfer}/chunks/{digest(b'x')} HTTP/1.1\nHost: b\n"
        assert caller.ask(head + "Transfer-Encoding: chunked", b"1\r\nx\r\n0\r\n\r\n")[0] == 411

    @pytest.mark.parametrize(("path", "limit"), [("packs", 9 * MIB), (f"chunks/{'0' * 64}", 4 * MIB)])
    def test_a_body_over_its_limit_is_refused_unread(self, gateway: Any, caller: Any, path: str, limit: int) -> None:
        transfer = gateway.expect([b"x"])
        head = f"PUT /v1/transfers/{transfer}/{path} HTTP/1.1\nHost: b\nContent-Length: {limit + 1}"
        assert caller.ask(head)[0] == 413

    def test_an_offer_over_its_limit_is_refused_unread(self, caller: Any) -> None:
        status, problem = caller.ask("POST /v1/transfers HTTP/1.1\nHost: b\nContent-Length: 99999999999")
        assert (status, problem["codes"]) == (413, ["too-large"])

    def test_a_compressed_body_is_refused(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"x"])
        head = put(transfer, digest(b"x"), 1) + "\nContent-Encoding: gzip"
        assert caller.ask(head, b"x")[0] == 415

    @pytest.mark.parametrize(
        "head",
        [
            "GET /" + "a" * 9 * KIB + " HTTP/1.1\r\n",
            "GET /v1/trust HTTP/1.1\r\nX: " + "a" * 9 * KIB + "\r\n",
            "GET /v1/trust HTTP/1.1\r\n" + "X: y\r\n" * 100,
            "\x16\x03\x01 not http at all\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "PUT / HTTP/1.1\r\nContent-Length: -1\r\n",
        ],
    )
    def test_a_head_that_is_too_large_or_broken_ends_the_connection(self, caller: Any, head: str) -> None:
        caller.say(head.encode() + b"\r\n")
        assert caller.hear()[0] == 400
        assert caller.is_dropped()

    def test_garbage_behind_a_good_request_ends_the_connection_and_nothing_else(
        self, gateway: Any, acme: Any, caller: Any, dial: Dial
    ) -> None:
        content = secrets.token_bytes(5000)
        transfer = gateway.expect([content])
        head = put(transfer, digest(content), 5000)
        assert caller.ask(head, content + b"\x00GARBAGE\r\n\r\n")[0] == 400
        assert caller.is_dropped()
        assert dial(gateway, acme.leaf()).ask(head, content)[0] == 201

    def test_what_nobody_may_ask_is_not_passed_on(self, gateway: Any, caller: Any) -> None:
        before = list(gateway.desk.asked)
        for path in (
            "/",
            "/v1/log/tile/entries/000",
            "/v1/log/tile/0/../x",
            "/v1/transfers/tr-1",
            "/v1/operations/x",
        ):
            assert caller.ask(f"GET {path} HTTP/1.1\nHost: b")[0] == 404
        assert caller.ask("DELETE /v1/trust HTTP/1.1\nHost: b")[0] == 405
        assert gateway.desk.asked == before

    def test_a_reset_in_the_middle_of_a_chunk_leaves_nothing(self, gateway: Any, acme: Any, dial: Dial) -> None:
        content = secrets.token_bytes(MIB)
        transfer = gateway.expect([content])
        rude = dial(gateway, acme.leaf())
        rude.say(put(transfer, digest(content), MIB).replace("\n", "\r\n").encode() + b"\r\n\r\n" + content[: MIB // 2])
        rude.reset()
        assert dial(gateway, acme.leaf()).ask(put(transfer, digest(content), MIB), content)[0] == 201
        assert gateway.holds(content)

    def test_an_offer_that_breaks_off_reaches_nobody(self, gateway: Any, acme: Any, dial: Dial) -> None:
        asked = list(gateway.desk.asked)
        rude = dial(gateway, acme.leaf())
        rude.say(b"POST /v1/transfers HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{")
        rude.reset()
        assert dial(gateway, acme.leaf()).ask("GET /v1/log/tile/1/000 HTTP/1.1\nHost: b")[0] == 404
        assert gateway.desk.asked == [*asked, ("tile", "acme.example", "1/000")]

    def test_what_partners_do_wrong_does_not_fill_our_error_output(
        self, caller: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert caller.ask("rubbish")[0] == 400
        assert capfd.readouterr().err == ""


class TestPatience:
    def test_a_head_that_never_ends_is_not_waited_for(self, hasty: Any, acme: Any, dial: Dial) -> None:
        assert dial(hasty, acme.leaf()).say(b"GET /v1/trust HTTP/1.1\r\nX: y\r\n").is_dropped()

    def test_a_body_that_trickles_is_refused(self, hasty: Any, acme: Any, dial: Dial) -> None:
        transfer = hasty.expect([b"x" * 100])
        status, problem = dial(hasty, acme.leaf()).ask(put(transfer, digest(b"x" * 100), 100), b"x")
        assert (status, problem["codes"]) == (408, ["slow"])

    def test_an_offer_that_trickles_is_refused(self, hasty: Any, acme: Any, dial: Dial) -> None:
        caller = dial(hasty, acme.leaf())
        assert caller.ask("POST /v1/transfers HTTP/1.1\nHost: b\nContent-Length: 100", b"{")[0] == 408

    def test_a_handshake_that_stalls_is_ended(self, hasty: Any) -> None:
        with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as stalling:
            assert stalling.recv(1) == b""

    def test_one_partner_cannot_take_every_connection(self, hasty: Any, acme: Any, cirrus: Any, dial: Dial) -> None:
        greedy = [dial(hasty, acme.leaf()) for _ in range(2)]
        assert dial(hasty, acme.leaf()).is_dropped()
        assert dial(hasty, cirrus.leaf()).ask("GET /v1/log/tile/1/000 HTTP/1.1\nHost: b")[0] == 404
        assert len(greedy) == 2


class TestWhatTheOwnerIsTold:
    def test_refused_bytes_are_counted_and_told_together(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"offered"])
        for _ in range(50):
            caller.ask(put(transfer, digest(b"offered"), 7), b"Offered")

        told = heard(gateway, transfer, 50)

        assert {each.cause for each in told} == {"digest-mismatch"}
        assert len(told) < 50
        assert digest(b"offered") in told[0].why
        assert gateway.journal.missing(transfer) == [True]

    def test_a_pack_with_other_bytes_is_told_of_once(self, gateway: Any, caller: Any) -> None:
        contents = [b"first", b"second"]
        transfer = gateway.expect(contents)
        body = write_head([(digest(content), len(content)) for content in contents]) + b"firstSecond"

        status, _ = caller.ask(
            f"PUT /v1/transfers/{transfer}/packs HTTP/1.1\nHost: b\nContent-Length: {len(body)}", body
        )

        assert status == 422
        assert [each.count for each in heard(gateway, transfer, 1)] == [1]

    def test_what_an_owner_could_not_record_is_told_again(self, gateway: Any, caller: Any) -> None:
        transfer = gateway.expect([b"offered"])
        failed = threading.Event()

        def fail() -> None:
            failed.set()
            raise WorkspaceError("the disk is full", remedy="Make room.")

        gateway.desk.answers["refused"] = fail
        try:
            caller.ask(put(transfer, digest(b"offered"), 7), b"Offered")
            assert failed.wait(60)
        finally:
            del gateway.desk.answers["refused"]

        assert sum(each.count for each in heard(gateway, transfer, 1)) == 1

    def test_a_listener_that_is_told_to_stop_tells_first(self, open_gateway: Any, acme: Any, dial: Dial) -> None:
        gateway = open_gateway()
        transfer = gateway.expect([b"offered"])
        caller = dial(gateway, acme.leaf())
        caller.ask(put(transfer, digest(b"offered"), 7), b"Offered")

        gateway.listeners.stop()

        assert [each.transfer for each in gateway.desk.refusals] == [transfer]

    def test_whoever_shows_no_certificate_that_counts_is_told_of(
        self, open_gateway: Any, acme: Any, cirrus: Any, dial: Dial
    ) -> None:
        gateway = open_gateway()
        for _ in range(3):
            nobody = ssl.create_default_context(cadata="".join(gateway.organization.bundle))
            nobody.check_hostname = False
            plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
            with nobody.wrap_socket(plain) as tls, pytest.raises(ssl.SSLError):
                tls.recv(1)
        stranger = GatewayCA.create(acme.name, system_clock)
        long_ago = GatewayCA(acme.authority.pem(), lambda: system_clock() - timedelta(hours=2))
        for authority in (stranger, long_ago):
            caller = dial(gateway, authority.issue_leaf(gateway_id(acme.name), timedelta(minutes=15)))
            with pytest.raises(ssl.SSLError):
                caller.ask("GET /v1/trust HTTP/1.1\nHost: b")
        assert dial(gateway, cirrus.leaf(acme.name)).ask("GET /v1/trust HTTP/1.1\nHost: b")[0] == 403

        gateway.listeners.stop()

        counts: Counter[str] = Counter()
        for each in gateway.desk.refusals:
            counts[each.cause] += each.count
        assert counts == {"no-certificate": 3, "not-verified": 2, "unidentified": 1}
        why = next(each.why for each in gateway.desk.refusals if each.cause == "unidentified")
        assert "a certificate of acme.example, which the authorities pinned for acme.example do not vouch for" in why

    def test_whoever_speaks_no_tls_is_not_told_of(self, open_gateway: Any, acme: Any, dial: Dial) -> None:
        gateway = open_gateway()
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.recv(100)
        assert dial(gateway, acme.leaf()).ask("GET /v1/trust HTTP/1.1\nHost: b")[0] == 200

        gateway.listeners.stop()

        assert gateway.desk.refusals == []

    def test_a_partner_tells_the_owner_of_no_refusals(self, gateway: Any, caller: Any) -> None:
        body = b'{"refusals":[{"cause":"digest-mismatch","count":1,"transfer":null,"why":""}]}'
        before = len(gateway.desk.refusals)

        status, _ = caller.ask(f"POST /refusals HTTP/1.1\nHost: b\nContent-Length: {len(body)}", body)

        assert status == 404
        assert not [each for each in gateway.desk.refusals[before:] if each.transfer is None]


def heard(gateway: Any, transfer: str, count: int) -> list[Refusal]:
    """Return what the owner heard about a transfer, once that is so many refusals."""
    deadline = time.monotonic() + 60
    while True:
        told = [each for each in gateway.desk.refusals if each.transfer == transfer]
        if sum(each.count for each in told) >= count:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
