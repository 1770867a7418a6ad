"""The sandbox's OpenID Connect issuer: it vouches for the organization's own people and services, in process only.

INVARIANT: no network endpoint mints a token. Whoever can call `Issuer.mint` is the organization.

Specifications: OpenID Connect Core 1.0 section 2 (ID token), RFC 7519 (JWT), ES256 of RFC 7518.
"""

import secrets
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from engine.errors import InputError, UntrustedIdentity
from engine.signing.identity import Signatory

AUDIENCE: Final = "sigstore"
_LONGEST: Final = 3600  # seconds that a token may live
_CLAIMS: Final = ("iss", "sub", "aud", "iat", "exp")


class Issuer:
    """Mints and checks the ID tokens of one organization.

    Attributes:
        url: the issuer's stable name. Certificates and identity lists pin it; nothing listens there.
    """

    def __init__(self, organization: str, key: ec.EllipticCurvePrivateKey) -> None:
        self.url = f"https://oidc.{organization}"
        self._organization = organization
        self._key = key

    def mint(self, identity: str, *, ttl_seconds: int, now: datetime) -> str:
        """Return a token for one of the organization's identities.

        Args:
            identity: an e-mail address or a URI whose host is the organization or below it.
            ttl_seconds: how long it may be used to ask for certificates.
            now: the time of issue.

        Raises:
            InputError: the identity is not the organization's, or the lifetime makes no sense.
        """
        host = urlsplit(identity).hostname if "://" in identity else identity.rpartition("@")[2]
        if f".{host}".endswith(f".{self._organization}") is False or identity.startswith("@"):
            raise InputError(
                f"the identity {identity!a} does not belong to {self._organization}",
                remedy=f"Use an address such as ada@{self._organization} or spiffe://{self._organization}/gateway.",
            )
        if not 0 < ttl_seconds <= _LONGEST:
            raise InputError(f"a token cannot live {ttl_seconds} seconds", remedy=f"Ask for 1 to {_LONGEST} seconds.")
        issued = int(now.timestamp())
        claims: dict[str, object] = {
            "iss": self.url,
            "sub": identity,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + ttl_seconds,
            "jti": secrets.token_hex(8),
        }
        if "://" not in identity:
            claims |= {"email": identity, "email_verified": True}
        return jwt.encode(claims, self._key, algorithm="ES256")

    def check(self, token: str, now: datetime) -> Signatory:
        """Return whom a token stands for.

        Raises:
            UntrustedIdentity: it is not a token of this issuer, or not valid at `now`.
        """
        remedy = f"Get a fresh token from {self.url}."
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["ES256"],
                audience=AUDIENCE,
                issuer=self.url,
                # Time is checked below, against the clock that was passed in.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise UntrustedIdentity(f"the token is not one of {self.url}: {error}", remedy=remedy) from error
        if not claims["iat"] <= now.timestamp() < claims["exp"]:
            raise UntrustedIdentity(
                f"the token of {claims['sub']} is valid from {claims['iat']} to {claims['exp']}, now is "
                f"{int(now.timestamp())} (seconds since 1970)",
                remedy=remedy,
            )
        return Signatory(claims["sub"], self.url)
