"""A trust document vouches for itself, and its successor needs the keys of both."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from engine.digest import canonical, sha256
from engine.errors import BadSignature, InputError
from engine.signing.trust_document import (
    TrustDocument,
    fingerprint,
    key_id,
    read_trust,
    root_keys,
    sign_trust,
    verify_trust,
)
from tests.unit.signing.conftest import NOW

Build = Callable[..., TrustDocument]
Keys = list[Ed25519PrivateKey]


def roots(keys: Keys) -> dict[str, str]:
    return root_keys([key.public_key() for key in keys])


@pytest.fixture
def first(document: Build) -> TrustDocument:
    return document()


@pytest.fixture
def data(first: TrustDocument, root_private_keys: Keys) -> bytes:
    return sign_trust(first, root_private_keys[:2])


def test_a_signed_document_is_read_back(first: TrustDocument, data: bytes) -> None:
    assert verify_trust(data, now=NOW, previous=None) == first
    assert data == canonical(json.loads(data))


def test_the_order_of_the_keys_does_not_matter(first: TrustDocument, data: bytes, root_private_keys: Keys) -> None:
    assert sign_trust(first, root_private_keys[1::-1]) == data


def test_a_fingerprint_is_160_bits_that_people_can_read_aloud(document: Build) -> None:
    written = fingerprint(document())

    assert re.fullmatch(r"([0-9a-f]{4}-){9}[0-9a-f]{4}", written)
    assert fingerprint(document(version=2)) != written


def test_agreements_pin_a_document_by_the_digest_of_what_is_signed(first: TrustDocument, data: bytes) -> None:
    assert first.digest == sha256(canonical(json.loads(data)["signed"]))


@pytest.mark.parametrize("signers", [[], [0], [1], [0, 2], [2, 3]], ids=str)
def test_fewer_than_the_threshold_of_its_own_keys_is_not_enough(
    first: TrustDocument, root_private_keys: Keys, signers: list[int]
) -> None:
    data = sign_trust(first, [root_private_keys[signer] for signer in signers])

    with pytest.raises(BadSignature, match="of its own root keys signed it, expected 2"):
        verify_trust(data, now=NOW, previous=None)


def test_one_key_does_not_count_twice(data: bytes) -> None:
    parsed = json.loads(data)
    parsed["signatures"] = [parsed["signatures"][0]] * 2

    with pytest.raises(BadSignature, match="1 of its own root keys"):
        verify_trust(canonical(parsed), now=NOW, previous=None)


@pytest.mark.parametrize("field", ["name", "region", "gateway_url", "expires"])
def test_an_altered_field_breaks_the_signatures(data: bytes, field: str) -> None:
    parsed = json.loads(data)
    parsed["signed"][field] = {
        "name": "Borealis Lab",
        "region": "SE",
        "gateway_url": "https://gateway.evil.example:8443",
        "expires": "2099-01-01T00:00:00.000Z",
    }[field]

    with pytest.raises(BadSignature, match="0 of its own root keys"):
        verify_trust(canonical(parsed), now=NOW, previous=None)


def test_a_key_can_be_rotated_by_the_old_and_the_new_threshold(
    document: Build, first: TrustDocument, root_private_keys: Keys
) -> None:
    second = document(version=2, roots=roots(root_private_keys[1:3]))

    data = sign_trust(second, root_private_keys[:3])

    assert verify_trust(data, now=NOW, previous=first) == second


def test_one_stolen_key_cannot_rotate(document: Build, first: TrustDocument, root_private_keys: Keys) -> None:
    thief = root_private_keys[1:]  # one of the old keys, and two of their own
    second = document(version=2, roots=roots(thief[1:]))

    with pytest.raises(BadSignature, match="1 of its predecessor's root keys"):
        verify_trust(sign_trust(second, thief), now=NOW, previous=first)


def test_the_old_keys_alone_cannot_install_keys_nobody_holds(
    document: Build, first: TrustDocument, root_private_keys: Keys
) -> None:
    second = document(version=2, roots=roots(root_private_keys[2:]))

    with pytest.raises(BadSignature, match="0 of its own root keys"):
        verify_trust(sign_trust(second, root_private_keys[:2]), now=NOW, previous=first)


@pytest.mark.parametrize("version", [1, 3])
def test_versions_neither_repeat_nor_skip(
    document: Build, first: TrustDocument, root_private_keys: Keys, version: int
) -> None:
    data = sign_trust(document(version=version), root_private_keys[:2])

    with pytest.raises(BadSignature, match="expected version 2 after 1"):
        verify_trust(data, now=NOW, previous=first)


def test_a_document_of_another_organization_replaces_nothing(
    document: Build, first: TrustDocument, root_private_keys: Keys
) -> None:
    data = sign_trust(document(version=2, organization="corvid.example"), root_private_keys[:2])

    with pytest.raises(BadSignature, match=r"would replace the one of borealis\.example"):
        verify_trust(data, now=NOW, previous=first)


def test_an_expired_document_is_not_trusted_but_can_be_read(first: TrustDocument, data: bytes) -> None:
    with pytest.raises(BadSignature, match="expired at 2027-06-01T12:00"):
        verify_trust(data, now=first.expires, previous=None)

    assert read_trust(data) == first


def test_a_partners_clock_may_be_a_little_ahead(data: bytes, first: TrustDocument) -> None:
    verify_trust(data, now=first.issued - timedelta(minutes=4), previous=None)

    with pytest.raises(BadSignature, match="in the future"):
        verify_trust(data, now=first.issued - timedelta(minutes=6), previous=None)


BROKEN: dict[str, dict[str, Any]] = {
    "another format": {"format": "lading/trust/v2"},
    "no organization id": {"organization": "borealis"},
    "a folder name": {"organization": "../acme.example"},
    "a name that reads two ways": {"name": "Borealis \u202eLabs"},
    "version zero": {"version": 0},
    "version true": {"version": True},
    "no zone in a time": {"issued": "2026-06-01T00:00:00"},
    "expires before issued": {"expires": "2020-01-01T00:00:00.000Z"},
    "a region in words": {"region": "norway"},
    "plain http": {"gateway_url": "http://gateway.borealis.example:8443"},
    "no port": {"gateway_url": "https://gateway.borealis.example"},
    "impossible port": {"gateway_url": "https://gateway.borealis.example:99999"},
    "a path": {"gateway_url": "https://gateway.borealis.example:8443/x"},
    "a user": {"gateway_url": "https://me@gateway.borealis.example:8443"},
    "nobody may sign": {"identities": []},
    "unknown field of an identity": {"identities": [{"identity": "a@b.c", "admin": True}]},
    "no gateway CA": {"gateway_ca": []},
    "gateway CA that is none": {"gateway_ca": ["-----BEGIN NONSENSE-----"]},
    "log key that is none": {"log_keys": ["borealis.example"]},
    "log of another": {"log_keys": [f"acme.example/lading/audit/0+0a1b2c3d+{'A' * 44}"]},
    "log of a longer name": {"log_keys": [f"borealis.example.evil/lading/audit/0+0a1b2c3d+{'A' * 44}"]},
    "two keys of one log": {"log_keys": [f"borealis.example/lading/audit/0+0a1b2c3{n}+{'A' * 44}" for n in "de"]},
    "witness of another": {"witness_keys": [f"acme.example/lading/witness+0a1b2c3d+{'A' * 44}"]},
    "threshold of one": {"threshold": 1},
    "threshold out of reach": {"threshold": 3},
    "unknown field": {"note": "trust me"},
    "trust_config that is no object": {"trust_config": "{}"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_document_is_refused_with_its_field(data: bytes, name: str) -> None:
    parsed = json.loads(data)
    parsed["signed"] |= BROKEN[name]

    with pytest.raises(InputError, match=r"trust document cannot be read: signed"):
        read_trust(canonical(parsed))


def test_each_gateway_certificate_stands_alone(document: Build, gateway_ca: str) -> None:
    with pytest.raises(ValidationError, match="one PEM certificate"):
        document(gateway_ca=(gateway_ca * 2,))


def test_a_root_key_is_named_by_its_own_digest(document: Build, root_private_keys: Keys) -> None:
    """Otherwise one key under two names would reach a threshold of two."""
    key = base64.b64encode(root_private_keys[0].public_key().public_bytes_raw()).decode()

    with pytest.raises(ValidationError, match="not named by its SHA-256"):
        document(roots={key_id(root_private_keys[0].public_key()): key, "0" * 64: key})


@pytest.mark.parametrize("key", ["", "AAAA", "#" * 44, "A" * 42 + "B="])
def test_a_root_key_is_32_bytes_in_one_spelling(document: Build, key: str) -> None:
    with pytest.raises(ValidationError):
        document(roots={"0" * 64: key, "1" * 64: key})


@pytest.mark.parametrize("spelling", ["2026-05-31T12:00:00Z", "2026-05-31T14:00:00.000+02:00", 1780228800])
def test_a_moment_has_one_spelling(data: bytes, spelling: object) -> None:
    parsed = json.loads(data)
    parsed["signed"]["issued"] = spelling

    with pytest.raises(InputError, match="one proper form"):
        read_trust(canonical(parsed))


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:-1], lambda d: d + b"\n", lambda d: b" " + d, lambda _: b"[]", lambda _: b"null"],
    ids=["cut", "newline", "space", "list", "null"],
)
def test_a_file_that_is_not_canonical_is_refused(data: bytes, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InputError):
        read_trust(change(data))


def test_a_signature_in_loose_base64_counts_for_nothing(data: bytes) -> None:
    parsed = json.loads(data)
    parsed["signatures"][0]["sig"] += "\n"

    with pytest.raises(BadSignature, match="1 of its own root keys"):
        read_trust(canonical(parsed))
