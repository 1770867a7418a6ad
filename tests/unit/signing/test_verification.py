"""A bundle proves something only whole, unaltered, and under the root of the organization it comes from."""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
from sigstore.dsse import Envelope

from engine.errors import BadSignature, InputError, UntrustedIdentity
from engine.events import system_clock
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, AllowedIdentity, OrganizationTrust, Signatory
from engine.signing.certificate import ISSUER, ISSUER_V1, read_signatory
from engine.signing.organization_trust import root_fingerprint
from engine.signing.sandbox import Sandbox, timestamps
from tests.unit.signing.conftest import ADA, ROOT, STATEMENT, Party

Alter = Callable[[Callable[[Any], None]], bytes]


def refuse(trust: OrganizationTrust, bundle: bytes) -> str:
    with pytest.raises(BadSignature) as caught:
        trust.verify(bundle, predicate_type=MANIFEST_REFERENCE)
    assert caught.value.remedy
    return str(caught.value)


def test_a_good_bundle_says_what_was_signed_by_whom_and_when(acme: Party, bundle: bytes) -> None:
    signed = acme.trust().verify(bundle, predicate_type=MANIFEST_REFERENCE)

    assert signed.payload == STATEMENT
    assert signed.statement == json.loads(STATEMENT)
    assert signed.subject_sha256 == ROOT
    assert signed.signatory == Signatory(ADA, "https://oidc.acme.example")
    assert abs(signed.time - system_clock()) < timedelta(minutes=5)
    assert signed.log == "https://rekor.acme.example"
    assert signed.log_index > 0
    assert signed.root_fingerprint == acme.trust().root_fingerprint


def test_a_service_signs_by_its_uri(acme: Party) -> None:
    gateway = "spiffe://acme.example/gateway"

    signed = acme.trust(gateway).verify(acme.sign(gateway), predicate_type=MANIFEST_REFERENCE)

    assert signed.signatory.identity == gateway


def entry(bundle: Any) -> Any:
    return bundle["verificationMaterial"]["tlogEntries"][0]


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


def replace(holder: Any, key: Any, change: Callable[[Any], Any]) -> None:
    holder[key] = change(holder[key])


MUTATIONS: dict[str, tuple[Callable[[Any], None], str]] = {
    "drop SET": (lambda b: entry(b).pop("inclusionPromise"), r"signed entry timestamp \(SET\)"),
    "drop TSA": (lambda b: b["verificationMaterial"].pop("timestampVerificationData"), "RFC 3161"),
    "empty TSA": (
        lambda b: b["verificationMaterial"]["timestampVerificationData"].update(rfc3161Timestamps=[]),
        "RFC 3161",
    ),
    "drop integrated time": (lambda b: entry(b).pop("integratedTime"), "time of integration"),
    "drop checkpoint": (lambda b: entry(b)["inclusionProof"].pop("checkpoint"), "checkpoint"),
    "drop proof": (lambda b: entry(b).pop("inclusionProof"), "inclusionProof"),
    "drop entry": (lambda b: b["verificationMaterial"].update(tlogEntries=[]), "exactly one transparency log"),
    "double entry": (
        lambda b: b["verificationMaterial"]["tlogEntries"].append(entry(b)),
        "exactly one transparency log",
    ),
    "drop certificate": (lambda b: b["verificationMaterial"].pop("certificate"), "certificate"),
    "drop envelope": (lambda b: b.pop("dsseEnvelope"), "dsseEnvelope"),
    "two signatures": (
        lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
        "exactly one signature",
    ),
    "older media type": (
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
        "media type",
    ),
    "proof hash": (lambda b: replace(entry(b)["inclusionProof"]["hashes"], 0, flipped), "root hash"),
    "root hash": (lambda b: replace(entry(b)["inclusionProof"], "rootHash", flipped), "root hash"),
    "proof index": (
        lambda b: replace(entry(b)["inclusionProof"], "logIndex", lambda _: "0"),
        "root hash|wrong size",
    ),
    "tree size": (
        lambda b: replace(entry(b)["inclusionProof"], "treeSize", lambda size: str(int(size) + 1)),
        "another size",
    ),
    "checkpoint": (
        lambda b: replace(entry(b)["inclusionProof"]["checkpoint"], "envelope", lambda t: t.replace("- 1\n", "- 2\n")),
        "checkpoint: invalid signature",
    ),
    "checkpoint signer": (
        lambda b: replace(
            entry(b)["inclusionProof"]["checkpoint"],
            "envelope",
            lambda t: t.replace("\u2014 rekor", "\u2014 rekos"),
        ),
        "does not list the transparency log",
    ),
    "payload": (lambda b: replace(b["dsseEnvelope"], "payload", flipped), "invalid signature"),
    "payload type": (
        lambda b: replace(b["dsseEnvelope"], "payloadType", lambda _: "text/plain"),
        "invalid signature",
    ),
    "signature": (
        lambda b: replace(b["dsseEnvelope"]["signatures"][0], "sig", flipped),
        "does not|not by|invalid",
    ),
    "integrated time": (
        lambda b: replace(entry(b), "integratedTime", lambda time: str(int(time) + 1)),
        "SET: invalid inclusion promise",
    ),
    "log index": (lambda b: replace(entry(b), "logIndex", lambda i: str(int(i) + 1)), "SET"),
    "log id": (lambda b: replace(entry(b)["logId"], "keyId", flipped), "does not list the transparency log"),
    "entry body": (lambda b: replace(entry(b), "canonicalizedBody", flipped), "root hash"),
    "entry kind": (lambda b: entry(b)["kindVersion"].update(kind="intoto"), "0.0.1"),
    "SET": (lambda b: replace(entry(b)["inclusionPromise"], "signedEntryTimestamp", flipped), "SET"),
    "unknown field": (lambda b: b.update(note="trust me"), "note"),
    "null field": (lambda b: b.update(messageSignature=None), "one proper form"),
    "loose base64": (
        lambda b: replace(b["dsseEnvelope"], "payload", lambda text: text[:4] + "\n" + text[4:]),
        "one proper form",
    ),
    "loose integer": (lambda b: replace(entry(b), "logIndex", lambda index: f"0{index}"), "one proper form"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_altered_bundle_is_refused_and_the_error_says_why(acme: Party, altered: Alter, name: str) -> None:
    change, reason = MUTATIONS[name]

    message = refuse(acme.trust(), altered(change))

    assert re.search(reason, message), message
    assert "of acme.example" in message


def test_a_certificate_altered_in_one_bit_is_refused(acme: Party, altered: Alter) -> None:
    def change(bundle: Any) -> None:
        replace(bundle["verificationMaterial"]["certificate"], "rawBytes", flipped)

    refuse(acme.trust(), altered(change))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b"null", b'{"a":1,"a":2}', b"[" * 100_000])
def test_what_is_no_bundle_is_refused(acme: Party, data: bytes) -> None:
    refuse(acme.trust(), data)


def test_a_repeated_key_is_refused_even_if_both_values_are_the_same(acme: Party, bundle: bytes) -> None:
    payload = json.dumps(json.loads(bundle)["dsseEnvelope"]["payload"])
    doubled = bundle.replace(b'"payload":', f'"payload":{payload},"payload":'.encode())

    assert "stands twice" in refuse(acme.trust(), doubled)


def test_a_bundle_larger_than_the_limit_is_refused_unread(acme: Party, bundle: bytes) -> None:
    with pytest.raises(BadSignature, match="at most 100"):
        acme.trust().verify(bundle, predicate_type=MANIFEST_REFERENCE, limit=100)


def test_a_timestamp_of_a_stranger_beside_the_good_one_is_refused(acme: Party, borealis: Party, altered: Alter) -> None:
    """The library would skip it silently."""

    def add(bundle: Any) -> None:
        signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
        request = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(signature).build().as_bytes()
        stranger = timestamps.TimestampService(borealis.sandbox._instance.timestamps)
        stamp = base64.b64encode(stranger.answer(request, system_clock())).decode()
        stamps = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        stamps.append({"signedTimestamp": stamp})

    assert "not by a timestamp authority of that root" in refuse(acme.trust(), altered(add))


def test_a_partner_whose_authority_mints_our_identity_does_not_become_us(acme: Party, tmp_path: Path) -> None:
    impostor = Party("acme.example", Sandbox(tmp_path / "keys", tmp_path / "state", "acme.example", system_clock))
    with impostor.sandbox:
        forged = impostor.sign()

    message = refuse(acme.trust(), forged)

    assert "no certificate authority which issued" in message
    assert "signed by ada@acme.example (according to https://oidc.acme.example)" in message
    assert acme.trust().root_fingerprint[:16] in message


def test_a_bundle_of_another_organization_names_signer_and_root(acme: Party, borealis: Party) -> None:
    message = refuse(acme.trust(), borealis.sign("bo@borealis.example"))

    assert "bo@borealis.example" in message
    assert acme.trust().root_fingerprint[:16] in message


@pytest.mark.parametrize(
    ("identity", "issuer", "types"),
    [
        ("eve@acme.example", "https://oidc.acme.example", (MANIFEST_REFERENCE,)),
        (ADA, "https://oidc.borealis.example", (MANIFEST_REFERENCE,)),
        (ADA, "https://oidc.acme.example", (MODEL_SIGNATURE,)),
    ],
    ids=["another person", "another issuer", "another statement"],
)
def test_a_valid_signature_by_somebody_not_listed_is_untrusted_not_bad(
    acme: Party, bundle: bytes, identity: str, issuer: str, types: tuple[str, ...]
) -> None:
    trust = OrganizationTrust("acme.example", acme.sandbox.trust_config(), (AllowedIdentity(identity, issuer, types),))

    with pytest.raises(UntrustedIdentity, match=ADA):
        trust.verify(bundle, predicate_type=MANIFEST_REFERENCE)


def test_a_statement_of_one_type_does_not_pass_for_another(acme: Party, bundle: bytes) -> None:
    with pytest.raises(BadSignature, match="predicateType"):
        acme.trust(ADA, MODEL_SIGNATURE).verify(bundle, predicate_type=MODEL_SIGNATURE)


def test_a_signed_payload_that_is_no_statement_by_type_is_refused(acme: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes read like a statement, but its signer called them plain text."""
    monkeypatch.setattr(Envelope, "_TYPE", "text/plain")

    assert "holds 'text/plain'" in refuse(acme.trust(), acme.sign())


def test_a_broken_trust_configuration_is_an_input_error(bundle: bytes) -> None:
    with pytest.raises(InputError, match=r"trust configuration of acme\.example"):
        OrganizationTrust("acme.example", '{"trustedRoot": {}}', ()).verify(bundle, predicate_type=MANIFEST_REFERENCE)


def test_a_root_fingerprint_ignores_urls_but_no_key(acme: Party) -> None:
    config = json.loads(acme.sandbox.trust_config())
    before = root_fingerprint(json.dumps(config))

    config["signingConfig"]["caUrls"] = []
    assert root_fingerprint(json.dumps(config, indent=2)) == before

    config["trustedRoot"]["tlogs"][0]["logId"]["keyId"] = "AAAA"
    assert root_fingerprint(json.dumps(config)) != before


def test_a_fingerprint_needs_a_trusted_root() -> None:
    with pytest.raises(InputError, match="trustedRoot"):
        root_fingerprint("[]")


def test_a_certificate_with_two_names_names_nobody(acme: Party, bundle: bytes) -> None:
    """A certificate for two identities would match the policy for either."""
    del acme
    raw = json.loads(bundle)["verificationMaterial"]["certificate"]["rawBytes"]
    good = x509.load_der_x509_certificate(base64.b64decode(raw))
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        issuer_name=good.issuer,
        subject_name=good.subject,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=good.not_valid_before_utc,
        not_valid_after=good.not_valid_after_utc,
    ).add_extension(
        x509.SubjectAlternativeName([x509.RFC822Name(ADA), x509.RFC822Name("eve@acme.example")]), critical=True
    )
    for oid in (ISSUER, ISSUER_V1):
        builder = builder.add_extension(good.extensions.get_extension_for_oid(oid).value, critical=False)

    with pytest.raises(ValueError, match="names 2 subjects"):
        read_signatory(builder.sign(key, hashes.SHA256()))
