"""Certificates: whose a leaf is, and what a certificate authority issues."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.errors import InputError, UntrustedPeer, UsageError
from engine.events import SKEW
from engine.wire.authority import GatewayCA, gateway_id
from engine.wire.tls import DER_LIMIT, client_context, identify, peer_organization

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def noon() -> datetime:
    return NOON


@pytest.fixture
def acme() -> GatewayCA:
    return GatewayCA.create("acme.example", noon)


@pytest.fixture
def cirrus() -> GatewayCA:
    return GatewayCA.create("cirrus.example", noon)


@pytest.fixture
def bundles(acme: GatewayCA, cirrus: GatewayCA) -> dict[str, tuple[str, ...]]:
    return {"acme.example": (acme.certificate,), "cirrus.example": (cirrus.certificate,)}


def der(authority: GatewayCA, uri: str = gateway_id("acme.example")) -> bytes:
    leaf = authority.issue_leaf(uri, QUARTER)
    return x509.load_pem_x509_certificate(leaf.certificate.encode()).public_bytes(Encoding.DER)


class TestWhoseLeaf:
    def test_it_is_the_organizations_whose_own_authority_issued_it(self, acme: GatewayCA, bundles: Any) -> None:
        leaf = der(acme)
        peer = identify(leaf, bundles, NOON)
        assert (peer.organization, peer.der, peer.expires) == ("acme.example", leaf, NOON + QUARTER)

    def test_another_partners_authority_does_not_count(self, cirrus: GatewayCA, bundles: Any) -> None:
        with pytest.raises(UntrustedPeer, match=r"pinned for acme\.example do not vouch"):
            peer_organization(der(cirrus), bundles, NOON)

    def test_whichever_authority_of_a_bundle_issued_it(self, acme: GatewayCA, cirrus: GatewayCA) -> None:
        both = {"acme.example": (cirrus.certificate, acme.certificate)}
        assert peer_organization(der(acme), both, NOON) == "acme.example"

    @pytest.mark.parametrize("moment", [NOON - SKEW - timedelta(seconds=1), NOON + QUARTER + timedelta(seconds=1)])
    def test_outside_its_time_it_is_nobodys(self, acme: GatewayCA, bundles: Any, moment: datetime) -> None:
        with pytest.raises(UntrustedPeer):
            peer_organization(der(acme), bundles, moment)

    def test_who_was_never_confirmed_is_named(self, acme: GatewayCA) -> None:
        with pytest.raises(UntrustedPeer, match=r"acme\.example, which is no confirmed partner"):
            peer_organization(der(acme), {}, NOON)

    def test_an_empty_bundle_vouches_for_nobody(self, acme: GatewayCA) -> None:
        with pytest.raises(UntrustedPeer, match="do not vouch"):
            peer_organization(der(acme), {"acme.example": ()}, NOON)

    @pytest.mark.parametrize(
        "uri",
        [
            "spiffe://acme.example/worker",
            "spiffe://acme.example/gateway/",
            "spiffe://acme.example:443/gateway",
            "spiffe://ACME.example/gateway",
            "https://acme.example/gateway",
            "spiffe://acme.example/gateway?x",
        ],
    )
    def test_only_the_gateways_own_name_counts(self, acme: GatewayCA, bundles: Any, uri: str) -> None:
        with pytest.raises(UntrustedPeer, match="its only name must be"):
            peer_organization(der(acme, uri), bundles, NOON)

    @pytest.mark.parametrize("rubbish", [b"", b"\x30\x03abc", b"x" * (DER_LIMIT + 1)])
    def test_rubbish_is_refused(self, bundles: Any, rubbish: bytes) -> None:
        with pytest.raises(UntrustedPeer):
            peer_organization(rubbish, bundles, NOON)

    def test_a_leaf_with_two_names_or_none_is_refused(self, bundles: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        bare = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([]))
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOON)
            .not_valid_after(NOON + QUARTER)
        )
        names = [x509.UniformResourceIdentifier(gateway_id(name)) for name in bundles]
        named = bare.add_extension(x509.SubjectAlternativeName(names), critical=True)
        for draft in (bare, named):
            certificate = draft.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
            with pytest.raises(UntrustedPeer, match="cannot be read"):
                peer_organization(certificate, bundles, NOON)


class TestAuthority:
    def test_it_survives_being_written_and_read(self, acme: GatewayCA, bundles: Any) -> None:
        again = GatewayCA(acme.pem(), noon)
        assert again.certificate == acme.certificate
        assert peer_organization(der(again), bundles, NOON) == "acme.example"

    def test_a_leaf_lives_for_an_hour_at_most(self, acme: GatewayCA) -> None:
        with pytest.raises(UsageError, match="may live for 1:00:00 at most"):
            acme.issue_leaf(gateway_id("acme.example"), timedelta(minutes=61))

    def test_a_leaf_never_outlives_its_authority(self, acme: GatewayCA) -> None:
        old = GatewayCA(acme.pem(), lambda: NOON + timedelta(days=3653) - QUARTER / 2)
        with pytest.raises(UsageError, match="no longer than its authority"):
            old.issue_leaf(gateway_id("acme.example"), QUARTER)

    def test_a_leafs_key_is_not_printed(self, acme: GatewayCA) -> None:
        assert "PRIVATE" not in repr(acme.issue_leaf(gateway_id("acme.example"), QUARTER))

    def test_a_long_organization_id_still_has_an_authority(self) -> None:
        name = ".".join(["a" * 60] * 4)
        authority = GatewayCA.create(name, noon)
        assert peer_organization(der(authority, gateway_id(name)), {name: (authority.certificate,)}, NOON) == name

    def test_what_is_not_an_authority_is_refused(self, acme: GatewayCA, cirrus: GatewayCA) -> None:
        key, certificate = acme.pem().split(b"-----BEGIN CERTIFICATE-----")
        other = cirrus.pem().split(b"-----BEGIN CERTIFICATE-----")[1]
        edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for pem in (
            b"",
            key,
            key + b"-----BEGIN CERTIFICATE-----" + other,
            edwards + b"-----BEGIN CERTIFICATE-----" + certificate,
        ):
            with pytest.raises(InputError, match="certificate authority cannot be read"):
                GatewayCA(pem, noon)


def test_a_context_without_authorities_trusts_nobody(acme: GatewayCA) -> None:
    context = client_context(acme.issue_leaf(gateway_id("acme.example"), QUARTER), [])
    assert context.get_ca_certs() == []
