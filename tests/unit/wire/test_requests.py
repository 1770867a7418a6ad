"""What partners ask a gateway for: from the courier through a listener to the owner's handlers, and back."""

import socket
import threading
from typing import Any

import pytest

from engine.errors import InputError, Interrupted, Refused, UntrustedPeer
from engine.transfer.courier import CourierPartner
from engine.wire.config import Limits
from engine.wire.dial import Response
from engine.wire.messages import (
    AcceptanceMessage,
    AgreementMessage,
    AnnexMessage,
    AnnexRequest,
    EvidenceMessage,
    MissingMessage,
    OfferMessage,
    ReceiptMessage,
    RecordMessage,
    StatusMessage,
)
from engine.wire.problem import ProblemError
from tests.unit.wire.conftest import Caller

TRANSFER = "tr-" + "0123456789ab" * 2
OFFER = OfferMessage(
    offer={"signed": True},
    manifest='{"name":"sentiment"}',
    chunks="[]",
    model_signature={"dsse": {}},
    manifest_attestation={},
)


@pytest.fixture
def courier(gateway: Any, acme: Any) -> Any:
    gateway.desk.answers.clear()
    return gateway.courier(acme)


def test_an_offer_is_accepted_once_and_then_known(gateway: Any, courier: Any) -> None:
    first = courier.call("POST", "/v1/transfers", OFFER.body())
    again = courier.call("POST", "/v1/transfers", OFFER.body())
    assert (first.status, again.status) == (201, 200)
    assert AcceptanceMessage.parse(first.body).acceptance == {"by": "acme.example"}
    assert gateway.desk.asked[-1] == ("offer", "acme.example", OFFER)
    assert gateway.desk.addresses[-2:] == ["127.0.0.1", "127.0.0.1"]


def test_an_offer_comes_with_the_address_of_its_connection_whatever_it_says(gateway: Any, acme: Any) -> None:
    context = gateway.partner(acme.leaf()).context()
    plain = socket.create_connection(("127.0.0.1", gateway.port), 20, source_address=("127.0.0.2", 0))
    with context.wrap_socket(plain) as tls:
        named = "".join(f"{name}: 10.0.0.1\n" for name in ("Forwarded", "X-Forwarded-For", "Lading-Peer-Address"))
        body = OFFER.body()
        status, _ = Caller(tls).ask(f"POST /v1/transfers HTTP/1.1\nHost: x\n{named}Content-Length: {len(body)}", body)
    assert status in {200, 201}
    assert gateway.desk.addresses[-1] == "127.0.0.2"


def test_a_large_offer_passes_through_whole(gateway: Any, courier: Any) -> None:
    large = OFFER.model_copy(update={"chunks": "x" * (20 << 20)})
    courier.call("POST", "/v1/transfers", large.body())
    assert gateway.desk.asked[-1][2] == large


def test_a_peer_has_one_large_offer_worked_on_and_nobody_else_waits_for_it_with_small_ones(
    gateway: Any, courier: Any, cirrus: Any
) -> None:
    working, go_on = threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        assert go_on.wait(20)

    large = OFFER.model_copy(update={"manifest": "x" * (1 << 20)}).body()
    gateway.desk.answers["offer"] = work
    first = threading.Thread(target=courier.call, args=("POST", "/v1/transfers", large))
    first.start()
    try:
        assert working.wait(20)
        with pytest.raises(Interrupted):
            courier.call("POST", "/v1/transfers", large)
        del gateway.desk.answers["offer"]
        assert courier.call("POST", "/v1/transfers", OFFER.body()).status in {200, 201}
        assert gateway.courier(cirrus).call("GET", f"/v1/transfers/{TRANSFER}").status == 200
    finally:
        go_on.set()
        first.join()
    assert courier.call("POST", "/v1/transfers", large).status == 200


@pytest.mark.parametrize(
    ("what", "method", "path", "message"),
    [
        ("status", "GET", "", StatusMessage),
        ("missing", "GET", "/missing", MissingMessage),
        ("commit", "POST", "/commit", ReceiptMessage),
        ("evidence", "GET", "/evidence", EvidenceMessage),
        ("witnessed_evidence", "GET", "/evidence/witnessed", EvidenceMessage),
        ("record", "GET", "/record", RecordMessage),
    ],
)
def test_each_question_about_a_transfer_reaches_its_handler(
    gateway: Any, courier: Any, what: str, method: str, path: str, message: Any
) -> None:
    answer = courier.call(method, f"/v1/transfers/{TRANSFER}{path}")
    assert gateway.desk.asked[-1] == (what, "acme.example", TRANSFER)
    assert isinstance(message.parse(answer.body), message)


def test_an_annex_is_asked_for_with_its_recipients(gateway: Any, courier: Any) -> None:
    asked = AnnexRequest(size=9, recipients=("age1" + "q" * 58,))
    answer = courier.call("POST", f"/v1/transfers/{TRANSFER}/annex", asked.body())
    assert gateway.desk.asked[-1] == ("annex", "acme.example", (TRANSFER, asked))
    assert AnnexMessage.parse(answer.body).annex == "AAAA"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"size":-1,"recipients":[]}', b'{"size":1,"recipients":["age1nobody"]}', b"x" * (9 << 10)],
)
def test_a_request_for_an_annex_that_is_none_is_refused(gateway: Any, courier: Any, body: bytes) -> None:
    before = len(gateway.desk.asked)
    with pytest.raises((Refused, Interrupted)):
        courier.call("POST", f"/v1/transfers/{TRANSFER}/annex", body)
    assert len(gateway.desk.asked) == before


def test_an_agreement_goes_there_and_comes_back(courier: Any) -> None:
    message = AgreementMessage(agreement="{}", bundles={"acme.example": {"signature": "…"}})
    assert AgreementMessage.parse(courier.call("POST", "/v1/agreements", message.body()).body) == message


def test_the_log_is_read_tile_by_tile(courier: Any) -> None:
    assert courier.call("GET", "/v1/log/checkpoint").body.startswith(b"borealis.example/lading/audit/1\n")
    assert courier.call("GET", "/v1/log/tile/0/x001/067.p/3").body == b"tile 0/x001/067.p/3"
    with pytest.raises(Refused) as refusal:
        courier.call("GET", "/v1/log/tile/1/000")
    assert refusal.value.problem["codes"] == ["unknown-tile"]


def test_tiles_of_former_logs_are_asked_for_by_number(courier: Any) -> None:
    partner = CourierPartner(courier)

    assert partner.tile("borealis.example/lading/audit/3", "0/000.p/3") == b"tile 0/000.p/3 of log 3"
    with pytest.raises(Refused) as refusal:
        partner.tile("borealis.example/lading/audit/3", "1/000")
    assert refusal.value.problem["codes"] == ["unknown-tile"]


def test_a_gateway_that_knows_one_log_is_asked_for_its_tiles() -> None:
    class Older:
        def call(self, method: str, path: str) -> Response:  # noqa: ARG002 - as a courier
            if path.startswith("/v1/logs/"):
                raise Refused("no such path", remedy="", status=404, problem={"title": "Not Found"})
            return Response(200, path.encode())

    tile = CourierPartner(Older()).tile("borealis.example/lading/audit/0", "0/000.p/3")  # type: ignore[arg-type]

    assert tile == b"/v1/log/tile/0/000.p/3"


def test_the_trust_document_is_there_for_partners(courier: Any) -> None:
    assert courier.call("GET", "/v1/trust").body == b"{}"


def test_a_witness_answers_with_statuses_of_its_own(gateway: Any, courier: Any) -> None:
    gateway.desk.answers["add_checkpoint"] = (409, b"17\n")
    answer = courier.call("POST", "/v1/witness/add-checkpoint", b"old 3\n\nnote", accept={200, 409})
    assert (answer.status, answer.body) == (409, b"17\n")
    assert gateway.desk.asked[-1] == ("add_checkpoint", "acme.example", b"old 3\n\nnote")


class TestRefusals:
    def test_a_denial_says_what_may_be_disclosed(self, gateway: Any, courier: Any) -> None:
        gateway.desk.answers["offer"] = ProblemError(
            403,
            "Denied by policy",
            "purpose not covered",
            codes=("purpose",),
            decision="d" * 16,
            remedy="Ask for an agreement.",
        )
        with pytest.raises(Refused, match=r"borealis.example refused .403.: Denied by policy: purpose") as refusal:
            courier.call("POST", "/v1/transfers", OFFER.body())
        assert refusal.value.remedy == "Ask for an agreement."
        assert refusal.value.problem == {
            "type": "urn:lading:problem:purpose",
            "title": "Denied by policy",
            "status": 403,
            "detail": "purpose not covered",
            "codes": ["purpose"],
            "decision": "d" * 16,
            "remedy": "Ask for an agreement.",
        }

    def test_a_message_that_is_not_one_is_refused_with_the_field(self, gateway: Any, courier: Any) -> None:
        asked = list(gateway.desk.asked)
        with pytest.raises(Refused, match="manifest: Field required") as refusal:
            courier.call("POST", "/v1/transfers", b"{}")
        assert refusal.value.status == 400
        assert gateway.desk.asked == asked

    def test_what_a_handler_cannot_read_is_the_partners_fault(self, gateway: Any, courier: Any) -> None:
        gateway.desk.answers["offer"] = InputError("files.0.path: found '..'", remedy="Pack it again.")
        with pytest.raises(Refused, match=r"files\.0\.path") as refusal:
            courier.call("POST", "/v1/transfers", OFFER.body())
        assert (refusal.value.status, refusal.value.remedy) == (400, "Pack it again.")

    def test_a_defect_is_logged_here_and_named_there(
        self, gateway: Any, courier: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        gateway.desk.answers["status"] = RuntimeError("/secret/path is gone")
        with pytest.raises(Refused) as refusal:
            courier.call("GET", f"/v1/transfers/{TRANSFER}")
        assert refusal.value.status == 500
        assert "/secret" not in str(refusal.value) + str(refusal.value.problem)
        assert str(refusal.value.problem["instance"]) in caplog.text

    def test_when_the_owner_is_away_a_partner_may_try_again(self, open_gateway: Any, acme: Any) -> None:
        gateway = open_gateway()
        gateway.owner.stop()
        with pytest.raises(Interrupted, match="not ready"):
            gateway.courier(acme).call("GET", "/v1/trust")

    def test_when_the_owner_takes_too_long_a_partner_may_try_again(self, open_gateway: Any, acme: Any) -> None:
        gateway = open_gateway(limits=Limits(body=0.0, owner=0.3))
        over = threading.Event()
        gateway.desk.trust = lambda _: over.wait(20) and b""
        try:
            with pytest.raises(Interrupted, match=r"not ready \(504\)"):
                gateway.courier(acme).call("GET", "/v1/trust")
        finally:
            over.set()

    def test_the_owner_does_not_take_a_listeners_word_for_who_asks(self, gateway: Any) -> None:
        status, _ = gateway.ask_owner("GET", "/v1/trust", {"Lading-Peer-Certificate": "bm90IGEgY2VydGlmaWNhdGU="})
        assert status == 403
        assert gateway.ask_owner("GET", "/v1/trust", {})[0] == 403
        assert gateway.ask_owner("GET", "/v1/trust", {"Lading-Peer-Certificate": "?"})[0] == 403

    def test_a_certificate_that_proves_nothing_is_told_so(self, gateway: Any, acme: Any, cirrus: Any) -> None:
        with pytest.raises(UntrustedPeer, match="does not take this gateway's certificate"):
            gateway.courier(cirrus, name=acme.name).call("GET", "/v1/trust")
