"""Certificates, entries and timestamps: what the sandbox's services grant, and what they refuse."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response

from engine.errors import InputError
from engine.events import system_clock
from engine.signing import Signatory
from engine.signing.sandbox.certificates import CertificateService
from engine.signing.sandbox.entries import LogService
from engine.signing.sandbox.keys import ECDSA
from engine.signing.sandbox.log import TransparencyLog
from engine.signing.sandbox.timestamps import TimestampService
from tests.unit.signing.conftest import ADA, NOW, STATEMENT, Party

SIGNATORY = Signatory(ADA, "https://oidc.acme.example")


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def request(pem: bytes) -> bytes:
    return json.dumps({"certificateSigningRequest": base64.b64encode(pem).decode()}).encode()


@pytest.fixture(scope="module")
def fulcio(acme: Party) -> CertificateService:
    return CertificateService(acme.sandbox._instance.certificates, acme.sandbox._certificate_log_key)


def test_a_certificate_lives_ten_minutes_and_is_valid_at_once(fulcio: CertificateService) -> None:
    now = NOW.replace(microsecond=999_999)

    made = fulcio.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), SIGNATORY, now)

    assert made.not_valid_before_utc <= now
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(minutes=10)


def test_a_certificate_request_is_answered_with_the_whole_chain(fulcio: CertificateService) -> None:
    answer: Any = fulcio.answer(request(csr(ec.generate_private_key(ec.SECP256R1()))), SIGNATORY, NOW)

    leaf, *chain = (
        x509.load_pem_x509_certificate(pem.encode())
        for pem in answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    )
    leaf.verify_directly_issued_by(chain[0])
    chain[0].verify_directly_issued_by(chain[1])
    chain[1].verify_directly_issued_by(chain[1])


def tampered_csr() -> bytes:
    good = x509.load_pem_x509_csr(csr(ec.generate_private_key(ec.SECP256R1())))
    der = bytearray(good.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n" % base64.b64encode(der)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "no certificate signing request"),
        (b"[]", "no certificate signing request"),
        (b"\xff", "UTF-8"),
        (request(b"nonsense"), "no certificate signing request"),
        (request(csr(ec.generate_private_key(ec.SECP384R1()))), "not on P-256"),
        (request(csr(rsa.generate_private_key(65537, 2048))), "not on P-256"),
        (request(tampered_csr()), "possession"),
    ],
)
def test_other_certificate_requests_are_refused(fulcio: CertificateService, body: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fulcio.answer(body, SIGNATORY, NOW)


def proposal(party: Party, *, statement: bytes = STATEMENT) -> dict[str, Any]:
    """Return a log entry as a client proposes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    service = CertificateService(party.sandbox._instance.certificates, party.sandbox._certificate_log_key)
    certificate = service.issue(key.public_key(), SIGNATORY, system_clock())
    kind = b"application/vnd.in-toto+json"
    signature = key.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement), ECDSA)
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": kind.decode(),
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    content = {
        "envelope": json.dumps(envelope),
        "verifiers": [base64.b64encode(certificate.public_bytes(Encoding.PEM)).decode()],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}}


@pytest.fixture
def rekor(acme: Party, tmp_path: Path) -> Any:
    key = ec.generate_private_key(ec.SECP256R1())
    with TransparencyLog(tmp_path / "rekor.log", name="rekor.acme.example", key=key) as log:
        yield LogService(log, acme.sandbox._instance.certificates)


def test_a_proper_entry_is_logged(acme: Party, rekor: LogService) -> None:
    [entry] = rekor.answer(json.dumps(proposal(acme)).encode(), system_clock()).values()

    assert isinstance(entry, dict)
    assert entry["logIndex"] == 0


def rsa_certificate() -> str:
    key = rsa.generate_private_key(65537, 2048)
    certificate = x509.CertificateBuilder(
        issuer_name=x509.Name([]),
        subject_name=x509.Name([]),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=1),
    ).sign(key, hashes.SHA256())
    return base64.b64encode(certificate.public_bytes(Encoding.PEM)).decode()


def spoil_envelope(entry: dict[str, Any], change: Callable[[Any], None]) -> None:
    content = entry["spec"]["proposedContent"]
    envelope = json.loads(content["envelope"])
    change(envelope)
    content["envelope"] = json.dumps(envelope)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.update(kind="hashedrekord"), "not a dsse 0.0.1 entry: kind"),
        (lambda e: e.update(apiVersion="0.0.2"), "apiVersion"),
        (lambda e: e["spec"]["proposedContent"].update(verifiers=[]), "verifiers"),
        (lambda e: e["spec"]["proposedContent"].update(verifiers=["AAAA"]), "not a dsse"),
        (lambda e: e["spec"]["proposedContent"].update(verifiers=[rsa_certificate()]), "not issued by this"),
        (lambda e: e["spec"]["proposedContent"].update(envelope="{}"), "payload"),
        (lambda e: spoil_envelope(e, lambda v: v.update(payload="AAAA")), "signature is not by the key"),
        (lambda e: spoil_envelope(e, lambda v: v.update(payloadType="text/plain")), "signature is not by the key"),
        (lambda e: spoil_envelope(e, lambda v: v["signatures"].append({"sig": "AAAA"})), "signatures"),
    ],
)
def test_other_entries_are_refused(
    acme: Party, rekor: LogService, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    entry = proposal(acme)
    change(entry)

    with pytest.raises(InputError, match=said):
        rekor.answer(json.dumps(entry).encode(), system_clock())


def test_an_entry_under_a_strangers_certificate_does_not_get_in(borealis: Party, rekor: LogService) -> None:
    with pytest.raises(InputError, match="not issued by this sandbox"):
        rekor.answer(json.dumps(proposal(borealis)).encode(), system_clock())


@pytest.mark.parametrize("late", [timedelta(minutes=11), timedelta(minutes=-1)])
def test_an_entry_under_a_certificate_that_is_not_valid_now_does_not_get_in(
    acme: Party, rekor: LogService, late: timedelta
) -> None:
    with pytest.raises(InputError, match="not valid now"):
        rekor.answer(json.dumps(proposal(acme)).encode(), system_clock() + late)


@pytest.fixture(scope="module")
def tsa(acme: Party) -> TimestampService:
    return TimestampService(acme.sandbox._instance.timestamps)


def timestamp_request(*, nonce: bool = True, certificate: bool = True) -> bytes:
    builder = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(b"hello")
    return builder.nonce(nonce=nonce).cert_request(cert_request=certificate).build().as_bytes()


@pytest.mark.parametrize(("nonce", "certificate"), [(True, True), (False, False)])
def test_a_timestamp_verifies_and_states_the_time(
    acme: Party, tsa: TimestampService, *, nonce: bool, certificate: bool
) -> None:
    now = system_clock().replace(microsecond=0)

    answer = decode_timestamp_response(tsa.answer(timestamp_request(nonce=nonce, certificate=certificate), now))

    leaf, root = acme.sandbox._instance.timestamps.chain
    verifier = VerifierBuilder().tsa_certificate(leaf).add_root_certificate(root).build()
    assert answer.tst_info.gen_time == now
    assert (answer.tst_info.nonce is not None) is nonce
    assert verifier.verify_message(answer, b"hello")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_a_timestamp_too(acme: Party, tsa: TimestampService, tmp_path: Path) -> None:
    (tmp_path / "query").write_bytes(timestamp_request())
    (tmp_path / "reply").write_bytes(tsa.answer(timestamp_request(), system_clock()))
    (tmp_path / "data").write_bytes(b"hello")
    root = acme.sandbox._instance.timestamps.chain[1]
    (tmp_path / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))

    command = ["ts", "-verify", "-data", "data", "-in", "reply", "-CAfile", "root.pem"]
    done = subprocess.run(
        [shutil.which("openssl") or "", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "Verification: OK" in done.stdout + done.stderr


def sha512_request() -> bytes:
    return TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA512).data(b"hello").build().as_bytes()


# A request over 32 zero bytes with SHA-256, for the policy 1.2.3.
OTHER_POLICY = bytes.fromhex("3038020101302f300b0609608648016503040201" + "0420" + "00" * 32 + "06022a03")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
        (timestamp_request()[:-1], "cannot be read"),
        (sha512_request(), "not over a SHA-256"),
        (OTHER_POLICY, "policy"),
    ],
    ids=["nothing", "JSON", "a byte short", "SHA-512", "another policy"],
)
def test_other_timestamp_requests_are_refused(tsa: TimestampService, body: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tsa.answer(body, NOW)
