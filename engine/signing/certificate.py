"""Whom a Fulcio certificate was issued to.

Specification: Fulcio's certificate profile and its registry of object identifiers (arc 1.3.6.1.4.1.57264.1).
"""

from contextlib import suppress
from typing import Final

from cryptography.hazmat import asn1
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    ObjectIdentifier,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnrecognizedExtension,
)

from engine.signing.identity import Signatory

ISSUER: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")  # a DER UTF8String
ISSUER_V1: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # the same as raw bytes: foreign tools read this one


def read_signatory(certificate: Certificate) -> Signatory:
    """Return whom a signing certificate was issued to.

    Raises:
        ValueError: it does not name exactly one e-mail address or URI, and one issuer.
        ExtensionNotFound: it names no subject or no issuer at all.
    """
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    identities = [
        *names.get_values_for_type(RFC822Name),
        *names.get_values_for_type(UniformResourceIdentifier),
    ]
    issuers = {asn1.decode_der(str, _extension(certificate, ISSUER))}
    with suppress(ExtensionNotFound):
        issuers.add(_extension(certificate, ISSUER_V1).decode("utf-8"))
    if len(names) != 1 or len(identities) != 1 or len(issuers) != 1:
        raise ValueError(
            f"its certificate names {len(names)} subjects and {len(issuers)} issuers, expected one e-mail address "
            "or URI and one issuer"
        )
    return Signatory(identities[0], issuers.pop())


def _extension(certificate: Certificate, oid: ObjectIdentifier) -> bytes:
    value = certificate.extensions.get_extension_for_oid(oid).value
    if not isinstance(value, UnrecognizedExtension):
        raise TypeError(f"extension {oid.dotted_string} is {type(value).__name__}")
    return value.value
