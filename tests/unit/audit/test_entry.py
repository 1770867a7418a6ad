"""Entries: what goes into a leaf, what stays out of it, and what is not taken for one."""

import hashlib
import hmac
import json

import pytest

from engine.audit.entry import (
    LEAF_LIMIT,
    PAYLOAD_LIMIT,
    Sealed,
    parse_entry,
    parse_leaf,
    pseudonym,
    seal,
)
from engine.errors import InputError, LogTampered
from engine.events import Event

SALT = bytes(range(32))


def event(**changes: object) -> Event:
    fields = {"id": "e1", "type": "artifact.viewed", "actor": "ada@acme.example", "payload": {"why": "review"}}
    return Event(**fields | changes)  # type: ignore[arg-type]


def sealed(**changes: object) -> Sealed:
    return seal(
        event(**changes),
        source="spiffe://acme.example/gateway",
        time="2026-06-01T12:00:00.000Z",
        salt=SALT,
        pseudonym_key=b"p" * 32,
    )


def test_a_leaf_holds_cloudevents_attributes_a_pseudonym_and_a_commitment_and_no_name() -> None:
    found = sealed(artifact="a" * 64, statement="b" * 64)

    assert found.payload == b'{"actor":"ada@acme.example","why":"review"}'
    assert json.loads(found.leaf) == {
        "specversion": "1.0",
        "id": "e1",
        "source": "spiffe://acme.example/gateway",
        "type": "artifact.viewed",
        "time": "2026-06-01T12:00:00.000Z",
        "actor": hmac.digest(b"p" * 32, b"ada@acme.example", "sha256").hex()[:32],
        "artifact": "a" * 64,
        "statement": "b" * 64,
        "commitment": hashlib.sha256(SALT + found.payload).hexdigest(),
    }
    assert b"ada" not in found.leaf


def test_a_pseudonym_is_the_same_for_a_person_and_different_under_another_key() -> None:
    assert pseudonym(b"p" * 32, "ada@acme.example") == sealed().public["actor"]
    assert pseudonym(b"q" * 32, "ada@acme.example") != sealed().public["actor"]


def test_a_leaf_reads_back_as_it_was_written() -> None:
    assert parse_leaf(sealed(partner="bör\u2028ealis\x01.example").leaf) == dict(
        sealed(partner="bör\u2028ealis\x01.example").public
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": ""}, "its id is empty"),
        ({"type": ""}, "its type is empty"),
        ({"actor": ""}, "its actor is empty"),
        ({"payload": {"actor": "eve"}}, "may not hold 'actor'"),
        ({"payload": {"size": 2**60}}, "no canonical JSON"),
        ({"payload": {"ratio": float("nan")}}, "no canonical JSON"),
        ({"payload": {"why": "\ud800"}}, "no canonical JSON"),
        ({"partner": "\ud800"}, "no canonical JSON"),
        ({"partner": "p" * LEAF_LIMIT}, "at most 65535 fit"),
        ({"payload": {"why": "w" * PAYLOAD_LIMIT}}, "at most 1048576 fit"),
    ],
)
def test_an_event_that_cannot_be_a_leaf_is_refused_with_its_reason(changes: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        sealed(**changes)


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (None, "NoneType instead of bytes"),
        ("text", "str instead of bytes"),
        (b"\xff", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b"[]", "no object of strings"),
        (b"{}", "no object of strings"),
        (b'{"id":1}', "no object of strings"),
        (b'{"id":"e1"}', "lacks or adds"),
        (sealed().leaf.replace(b'"source"', b'"sauce"'), "lacks or adds"),
        (sealed().leaf.replace(b'"id":', b'"id": '), "not canonical"),
        (sealed().leaf.replace(b'{"actor"', b'{"id":"twin","actor"'), "not canonical"),
    ],
)
def test_whatever_is_no_leaf_is_refused(leaf: object, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse_leaf(leaf)


def test_an_entry_whose_payload_is_gone_is_still_an_entry() -> None:
    entry = parse_entry((4, sealed().leaf, None, None))

    assert (entry.index, entry.id, entry.type, entry.payload, entry.salt) == (
        4,
        "e1",
        "artifact.viewed",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("salt", "body"),
    [
        (SALT, b'{"actor":"eve@acme.example","why":"review"}'),
        (bytes(32), sealed().payload),
        (SALT, None),
        (None, sealed().payload),
        (SALT, sealed().payload.decode()),
    ],
)
def test_a_payload_that_is_not_the_committed_one_is_tampering(salt: object, body: object) -> None:
    with pytest.raises(LogTampered, match="entry 4: its payload is not the one"):
        parse_entry((4, sealed().leaf, salt, body))


@pytest.mark.parametrize("body", [b"[1]", b"{"])
def test_a_committed_payload_that_is_no_object_is_tampering(body: bytes) -> None:
    public = dict(sealed().public) | {"commitment": hashlib.sha256(SALT + body).hexdigest()}
    leaf = json.dumps(public, sort_keys=True, separators=(",", ":")).encode()

    with pytest.raises(LogTampered, match="entry 4: its payload"):
        parse_entry((4, leaf, SALT, body))
