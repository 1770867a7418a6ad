"""TLS 1.3 with certificates at both ends, and the question whose certificate a leaf is.

OpenSSL accepts a peer if *any* pinned authority vouches for it. That is not enough: each partner's authority could
then mint the name of every other organization. So a leaf is verified once more, against nothing but the bundle of
the organization it names.
"""

import os
import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from engine.errors import UntrustedPeer
from engine.wire.authority import Leaf, gateway_id

DER_LIMIT: Final = 4096
"""The largest leaf that is looked at, in bytes. It travels in a header between listener and owner."""

_GATEWAY: Final = re.compile(re.escape(gateway_id("*")).replace(r"\*", r"([a-z0-9][a-z0-9.-]{0,252})"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection.

    Attributes:
        organization: verified.
        der: the leaf certificate.
        expires: the first moment at which the leaf is no longer valid.
    """

    organization: str
    der: bytes
    expires: datetime


NO_CERTIFICATE: Final = "no-certificate"
NOT_VERIFIED: Final = "not-verified"
"""Why a client was refused in the handshake: it showed no certificate, or none that a pinned authority vouches for."""

Refused = Callable[[str, str], None]
"""Told why a client's certificate was refused, in a word, and what was found."""


def untold(_cause: str, _why: str) -> None:
    """Tell nobody."""


def server_context(leaf: Leaf, authorities: Iterable[str], refused: Refused = untold) -> ssl.SSLContext:
    """Return a context for listening: TLS 1.3, a client certificate is required, no session is resumed.

    Args:
        leaf: this gateway's certificate.
        authorities: the pinned authorities of all partners, in PEM. Whoever passes still has to be identified.
        refused: told of every handshake that failed for the client's certificate, from whoever runs it.
    """
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a resumed session would show the certificate of long ago
    context.sslobject_class = _Outspoken
    context.refused = refused
    _prepare(context, leaf, authorities)
    return context


def client_context(leaf: Leaf, authorities: Iterable[str]) -> ssl.SSLContext:
    """Return a context for dialling one partner. The peer's name is its SPIFFE id, so no host name is compared.

    Args:
        leaf: this gateway's certificate.
        authorities: the pinned authorities of that partner alone, in PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # INVARIANT: every caller identifies the peer by `identify`
    _prepare(context, leaf, authorities)
    return context


def peer_organization(der: bytes, bundles: Mapping[str, Sequence[str]], now: datetime) -> str:
    """Return the organization whose gateway has this certificate.

    Args:
        der: the leaf as it came over the connection.
        bundles: for each organization, the authorities it published, in PEM.
        now: the time at which the leaf must be valid.

    Raises:
        UntrustedPeer: it names no organization, an unknown one, or one whose own bundle does not vouch for it.
    """
    return identify(der, bundles, now).organization


def identify(der: bytes, bundles: Mapping[str, Sequence[str]], now: datetime) -> Peer:
    """As `peer_organization`, but return the peer with its certificate.

    Raises:
        UntrustedPeer: as `peer_organization`.
    """
    if len(der) > DER_LIMIT:
        raise _untrusted(f"a certificate of {len(der)} bytes, where at most {DER_LIMIT} make sense")
    try:
        leaf = x509.load_der_x509_certificate(der)
        organization = _named(leaf)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _untrusted(f"a certificate that cannot be read ({error})") from None
    if organization not in bundles:
        raise _untrusted(f"a certificate of {organization}, which is no confirmed partner")
    pinned = [x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in bundles[organization]]
    try:
        # An empty bundle makes no store; that is a refusal like any other.
        verifier = PolicyBuilder().store(Store(pinned)).time(now).max_chain_depth(0).build_client_verifier()
        verifier.verify(leaf, [])
    except (VerificationError, ValueError) as error:
        why = f"a certificate of {organization}, which the authorities pinned for {organization} do not vouch for"
        raise _untrusted(f"{why} ({error})") from None
    return Peer(organization, der, leaf.not_valid_after_utc)


class _ServerContext(ssl.SSLContext):
    """A context that knows who is told of refused certificates."""

    refused: Refused


class _Outspoken(ssl.SSLObject):
    """The server's end of a handshake that tells the client why it failed.

    Event loops drop a connection as soon as its handshake fails, with the alert that says why still unsent. Here a
    failure looks like waiting for more at first, which has the alert sent. It counts at the client's next word, at
    its end, or when the time for the handshake is over.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failure = error
            self._tell(error)
            raise ssl.SSLWantReadError from error

    def _tell(self, error: ssl.SSLError) -> None:
        context = cast("_ServerContext", self.context)
        if isinstance(error, ssl.SSLCertVerificationError):
            context.refused(NOT_VERIFIED, error.verify_message)
        elif error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            context.refused(NO_CERTIFICATE, "the client showed no certificate")


def _named(leaf: x509.Certificate) -> str:
    names = list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    if len(names) == 1 and isinstance(names[0], x509.UniformResourceIdentifier):
        match = _GATEWAY.fullmatch(names[0].value)
        if match is not None:
            return match[1]
    raise ValueError(f"its only name must be {gateway_id('<organization>')}")


def _prepare(context: ssl.SSLContext, leaf: Leaf, authorities: Iterable[str]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is pinned is trusted, whoever issued it
    context.set_alpn_protocols(["http/1.1"])
    pinned = "".join(authorities)
    if pinned:
        context.load_verify_locations(cadata=pinned)
    with ExitStack() as stack:
        # The library reads keys from files only. A pipe is a file to it, and nothing touches a disk.
        certificate, key = (_readable(stack, text) for text in (leaf.certificate, leaf.key))
        context.load_cert_chain(certificate, key)


def _readable(stack: ExitStack, text: str) -> str:
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(text.encode("ascii"))  # a few KiB: a pipe takes them without a reader
    return f"/dev/fd/{reading}"


def _untrusted(found: str) -> UntrustedPeer:
    return UntrustedPeer(
        f"the other side showed {found}",
        remedy="Compare the partner's newest trust document with the one you confirmed ('lading partner list').",
    )
