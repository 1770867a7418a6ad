"""Message bodies that come from outside: what is read, and what is refused."""

import base64
import json
import tracemalloc
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.errors import InputError
from engine.wire.bitmap import read_bitmap, write_bitmap
from engine.wire.messages import (
    CARRIED_ANNEX,
    AgreementMessage,
    AnnexMessage,
    EvidenceMessage,
    Message,
    MissingMessage,
    OfferMessage,
    StatusMessage,
)
from engine.wire.pack import read_pack, write_head
from engine.wire.problem import LIMIT, Problem, read_problem

TRANSFER = "tr-" + "0" * 24


class TestMessages:
    def test_what_is_written_is_read_again(self) -> None:
        status = StatusMessage(transfer=TRANSFER, state="completed", verdict={"passed": True})
        assert StatusMessage.parse(status.body()) == status
        assert b"receipt" not in status.body()

    @pytest.mark.parametrize(
        ("message", "body", "why"),
        [
            (StatusMessage, b"", "cannot be read"),
            (StatusMessage, b"\xff", "not UTF-8"),
            (StatusMessage, b"[]", "the whole"),
            (StatusMessage, b'{"transfer":"tr-1","state":"x"}', "transfer"),
            (StatusMessage, b'{"transfer":1,"state":"x"}', "transfer"),
            (StatusMessage, b'{"state":"x","state":"y"}', "stands twice"),
            (StatusMessage, b'{"transfer":"%s\\n","state":"x"}' % TRANSFER.encode(), "transfer"),
            (StatusMessage, b'{"transfer":"%s","state":"x","more":1}' % TRANSFER.encode(), "more"),
            (MissingMessage, b'{"total":"8","missing":"AA=="}', "total"),
            (MissingMessage, b'{"total":-1,"missing":""}', "total"),
            (AgreementMessage, b'{"agreement":"{}","bundles":{"../x":{}}}', "bundles"),
            (AgreementMessage, b'{"agreement":"{}","bundles":{"a.x":{},"b.x":{},"c.x":{}}}', "bundles"),
            (OfferMessage, b'{"offer":[]}', "offer"),
        ],
    )
    def test_anything_else_is_refused_with_the_field(self, message: type[Message], body: bytes, why: str) -> None:
        with pytest.raises(InputError, match=why):
            message.parse(body)

    def test_a_bundle_that_is_nested_too_deeply_is_refused(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(70):
            deep = {"a": [deep]}
        body = json.dumps({"transfer": TRANSFER, "state": "x", "receipt": deep}).encode()
        with pytest.raises(InputError, match="nested more than 64 deep"):
            StatusMessage.parse(body)

    @pytest.mark.parametrize("leaf", ["?", "AB==", "AAA"])
    def test_base64_has_one_form(self, leaf: str) -> None:
        entry = {"index": 0, "leaf": leaf, "proof": []}
        body = json.dumps({"organization": "a.example", "checkpoint": "", "entries": [entry]}).encode()
        with pytest.raises(InputError, match=r"entries\.0\.leaf"):
            EvidenceMessage.parse(body)

    def test_a_body_over_its_limit_is_not_parsed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(StatusMessage, "LIMIT", 10)
        with pytest.raises(InputError, match="at most 10"):
            StatusMessage.parse(b" " * 11)


class TestManyTinyValues:
    """What takes three bytes on the wire takes a hundred and more in memory, before any signature is verified."""

    @pytest.mark.parametrize("tiny", [b"[],", b"{},", b'"",', b"1,", b'{"a":1},'])
    def test_an_offer_of_nothing_else_is_refused_before_any_is_made(self, tiny: bytes) -> None:
        many = tiny * ((3 << 20) // len(tiny))
        rest = b'"manifest":"","chunks":"","model_signature":{},"manifest_attestation":{}'
        body = b'{"offer":{"a":[' + many + b"0]}," + rest + b"}"
        tracemalloc.start()
        with pytest.raises(InputError, match="more than 32768 lists, objects and commas"):
            OfferMessage.parse(body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < len(body) // 8

    @pytest.mark.parametrize("text", ["[" * 99_999, '{"a":[1,2]},' * 99_999, '",' * 99_999, "\\" * 99_999 + '",['])
    def test_what_stands_in_texts_is_not_counted(self, text: str) -> None:
        bundle: dict[str, Any] = {"payload": text}
        offer = OfferMessage(
            offer=bundle, manifest=text, chunks=text, model_signature=bundle, manifest_attestation=bundle
        )
        assert OfferMessage.parse(offer.body()) == offer

    @pytest.mark.parametrize("text", [b'"' + b'\\"' * (2 << 20), b'"\\', b"[" * 40_000 + b'"\\' + b'"[' * (1 << 20)])
    def test_texts_without_an_end_are_passed_once(self, text: bytes) -> None:
        with pytest.raises(InputError, match="cannot be read"):
            OfferMessage.parse(b"," * 40_000 + text)

    def test_a_bundle_has_its_own_bound(self) -> None:
        signature = {"payload": "x" * (5 << 20)}
        body = {"offer": {}, "manifest": "", "chunks": "", "model_signature": signature, "manifest_attestation": {}}
        assert OfferMessage.parse(json.dumps(body).encode()).model_signature == signature
        with pytest.raises(InputError, match=r"manifest_attestation: .* at most 4194304"):
            OfferMessage.parse(json.dumps(body | {"manifest_attestation": {"a": [{"x" * (5 << 20): 1}]}}).encode())


class TestBitmap:
    def test_the_first_chunk_is_the_highest_bit(self) -> None:
        assert base64.b64decode(write_bitmap([True] + [False] * 8)) == b"\x80\x00"
        assert list(MissingMessage.of([False, True, True]).positions()) == [1, 2]

    def test_nothing_offered_is_nothing_missing(self) -> None:
        assert list(MissingMessage.of([]).positions()) == []

    @pytest.mark.parametrize(
        ("text", "total"), [("", 1), ("AAA=", 8), ("AA==", 0), ("AR==", 8), ("/w==", 7), ("AA", 8), ("é", 8)]
    )
    def test_a_bitmap_of_other_bits_is_refused(self, text: str, total: int) -> None:
        with pytest.raises(InputError, match="bitmap"):
            read_bitmap(text, total)


class TestPack:
    def test_what_is_framed_is_found_again(self) -> None:
        contents = [b"one", b"", b"three"]
        body = write_head([(digest(content), len(content)) for content in contents]) + b"".join(contents)
        assert [(sha256, bytes(data)) for sha256, data in read_pack(memoryview(body))] == [
            (digest(content), content) for content in contents
        ]


class TestProblem:
    def test_what_one_side_says_the_other_reads(self) -> None:
        said = Problem(status=409, title="Not all is here", codes=("chunks-missing",), decision="d")
        assert read_problem(409, said.body()) == {
            "status": 409,
            "type": "urn:lading:problem:chunks-missing",
            "title": "Not all is here",
            "decision": "d",
            "codes": ["chunks-missing"],
        }

    def test_without_a_code_the_status_is_all_there_is(self) -> None:
        assert json.loads(Problem(status=404, title="Not Found").body())["type"] == "about:blank"

    def test_a_partner_cannot_paint_on_our_terminal(self) -> None:
        hostile = {"title": "\x1b[2Jowned\u202e" + "a" * 5000, "codes": ["\x07", 7], "detail": 3, "more": "x"}
        read = read_problem(403, json.dumps(hostile).encode())
        assert read["title"].startswith("\\u{1b}[2Jowned\\u{202e}")
        assert len(read["title"]) == 1000
        assert read == {"status": 403, "title": read["title"], "codes": ["\\u{7}"]}

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{" * LIMIT, b'{"codes": "x"}'])
    def test_a_body_that_is_no_problem_says_nothing(self, body: bytes) -> None:
        assert read_problem(500, body) == {"status": 500, "codes": []}


ANNEX = {"organization": "borealis.example", "encryption": "none", "plaintext": "0" * 64, "annex": "AAAA"}


@pytest.mark.parametrize(
    "change",
    [
        {"organization": "No Name"},
        {"encryption": "rot13"},
        {"plaintext": "0" * 63},
        {"annex": "AAAB="},
        {"annex": "AB=="},  # stray bits
        {"annex": "A" * (CARRIED_ANNEX * 4 // 3 + 8)},
        {"surprise": 1},
    ],
)
def test_an_annex_that_is_malformed_or_too_large_is_not_read(change: dict[str, object]) -> None:
    assert AnnexMessage.parse(json.dumps(ANNEX).encode()).annex == "AAAA"

    with pytest.raises(InputError):
        AnnexMessage.parse(json.dumps(ANNEX | change).encode())
