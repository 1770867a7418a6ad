"""Entries: how an event becomes a leaf of the log, and a leaf an entry again.

A leaf is the canonical JSON of an object whose values are all strings: the CloudEvents attributes `specversion`,
`id`, `source`, `type` and `time`; `actor`, a pseudonym; those of `artifact`, `partner`, `transfer`, `agreement`,
`decision`, `policy` and `statement` that apply; and `commitment`, which is SHA-256(salt, payload). The payload,
canonical JSON with the actor's name, and its 32 random bytes of salt stand beside the leaf: without them the leaf
tells nobody's name, and its proof still holds.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from engine.audit.schema import tampered
from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import InputError
from engine.events import Event

LEAF_LIMIT: Final = 65_535
"""The largest leaf in bytes: tlog-tiles writes a leaf's length in 16 bits."""

PAYLOAD_LIMIT: Final = 1024 * 1024
"""The largest payload in bytes."""

SALT_SIZE: Final = 32

OPTIONAL: Final = ("artifact", "partner", "transfer", "agreement", "decision", "policy", "statement")
"""The attributes that a leaf may lack."""

COLUMNS: Final = ("id", "time", "type", "actor", *OPTIONAL)
"""The attributes of a leaf that the database repeats in columns, in their order."""

_REQUIRED: Final = frozenset({"specversion", "id", "source", "type", "time", "actor", "commitment"})
ATTRIBUTES: Final = _REQUIRED | frozenset(OPTIONAL)
"""Every attribute that a leaf may have."""

_DECODE: Final = json.JSONDecoder().decode


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event in the form in which it is stored.

    Attributes:
        public: the leaf's attributes.
        leaf: their canonical JSON.
        salt: 32 random bytes.
        payload: canonical JSON of the payload.
    """

    public: Mapping[str, str]
    leaf: bytes
    salt: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log.

    Attributes:
        index: its place, from 0.
        id: the event's id.
        time: when it was recorded, RFC 3339 in UTC with milliseconds.
        type: what happened.
        leaf: the bytes that the tree commits to.
        public: the leaf's attributes.
        salt: 32 bytes, or None if the payload is gone.
        payload: who and why, or None if it is gone.
    """

    index: int
    id: str
    time: str
    type: str
    leaf: bytes
    public: Mapping[str, str]
    salt: bytes | None
    payload: Mapping[str, JSON] | None


def pseudonym(key: bytes, identity: str) -> str:
    """Return what stands for a person in leaves: the first 32 hex digits of HMAC-SHA256(key, identity)."""
    return hmac.digest(key, identity.encode("utf-8"), "sha256").hex()[:32]


def commitment(salt: bytes, payload: bytes) -> str:
    """Return the digest that binds a payload to its leaf."""
    return sha256(salt + payload)


def seal(event: Event, *, source: str, time: str, salt: bytes, pseudonym_key: bytes) -> Sealed:
    """Turn an event into a leaf and a payload. The same arguments have the same bytes.

    Raises:
        InputError: a value has no canonical JSON, a required one is empty, or leaf or payload are too large.
    """
    if "actor" in event.payload:
        raise _unfit(event, "its payload may not hold 'actor', which the log fills in itself")
    for name, value in (("id", event.id), ("source", source), ("type", event.type), ("actor", event.actor)):
        if not value:
            raise _unfit(event, f"its {name} is empty")
    try:
        payload = canonical({"actor": event.actor, **event.payload})
        public = {
            "specversion": "1.0",
            "id": event.id,
            "source": source,
            "type": event.type,
            "time": time,
            "actor": pseudonym(pseudonym_key, event.actor),
            "commitment": commitment(salt, payload),
        } | {name: value for name in OPTIONAL if (value := getattr(event, name)) is not None}
        leaf = _encode(public)
    except (ValueError, RecursionError) as error:
        raise _unfit(event, f"it has no canonical JSON: {error}") from None
    if len(leaf) > LEAF_LIMIT:
        raise _unfit(event, f"its leaf would have {len(leaf)} bytes, at most {LEAF_LIMIT} fit")
    if len(payload) > PAYLOAD_LIMIT:
        raise _unfit(event, f"its payload has {len(payload)} bytes, at most {PAYLOAD_LIMIT} fit")
    return Sealed(public, leaf, salt, payload)


def parse_leaf(leaf: object) -> dict[str, str]:
    """Read a leaf's attributes, whatever the database gave.

    Raises:
        InputError: this is not the canonical JSON of a leaf.
    """
    if not isinstance(leaf, bytes):
        raise _damaged(f"its leaf is a {type(leaf).__name__} instead of bytes")
    try:
        public = _DECODE(leaf.decode("utf-8"))
        if not isinstance(public, dict) or set(map(type, public.values())) != {str}:
            raise _damaged("its leaf is no object of strings")
        again = _encode(public)
    except (ValueError, RecursionError) as error:
        raise _damaged(f"its leaf is no JSON: {error}") from None
    if not _REQUIRED <= public.keys() <= ATTRIBUTES:
        odd = sorted(_REQUIRED - public.keys() | public.keys() - ATTRIBUTES)
        raise _damaged(f"its leaf lacks or adds the attributes {odd!a}")
    if again != leaf:
        raise _damaged("its leaf is JSON, but not canonical")
    return public


def parse_entry(row: Sequence[Any]) -> Entry:
    """Read an entry from its row of index, leaf, salt and payload, the last two None if they are gone.

    Raises:
        LogTampered: the row is not what the log wrote.
    """
    index, leaf, salt, body = row
    try:
        public = parse_leaf(leaf)
        payload = None if salt is None and body is None else _parse_payload(salt, body, public["commitment"])
    except InputError as error:
        raise tampered(f"entry {index}: {error}") from None
    return Entry(index, public["id"], public["time"], public["type"], leaf, public, salt, payload)


def _parse_payload(salt: object, body: object, committed: str) -> Mapping[str, JSON]:
    if not isinstance(salt, bytes) or not isinstance(body, bytes) or commitment(salt, body) != committed:
        raise _damaged("its payload is not the one its leaf commits to")
    payload = parse_json(body, what="its payload", limit=PAYLOAD_LIMIT)
    if not isinstance(payload, dict):
        raise _damaged("its payload is no object")
    return payload


def _encode(public: Mapping[str, str]) -> bytes:
    """Write a leaf.

    INVARIANT: text under ASCII names has the bytes of RFC 8785; a property test holds the two together.

    Raises:
        ValueError: a lone surrogate.
    """
    try:
        return orjson.dumps(public, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _unfit(event: Event, why: str) -> InputError:
    return InputError(
        f"the event {event.type!a} cannot be recorded: {why}",
        remedy="Nothing was recorded. Shorten or correct the value and repeat the command.",
    )


def _damaged(what: str) -> InputError:
    return InputError(what, remedy="Restore the log from a copy that verifies.")
