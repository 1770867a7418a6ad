"""Signing a statement with a Sigstore: the sandbox or an organization's own, through its ClientTrustConfig.

Specifications: Sigstore client specification (signing), Fulcio v2, Rekor v1, RFC 3161.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

from engine.errors import LadingError, SignatureError
from engine.signing.bundle import read_bundle, refusing
from engine.signing.reasons import brief, printable
from engine.signing.verification import load_trust_config

_TIMEOUT: Final = 30  # seconds that a service may be silent
_REKOR_VERSION: Final = 1  # version 2 gives no signed entry timestamp, which every bundle must have


class Signer:
    """Makes bundles. Holds no key: every signature has a key and a certificate of its own. Safe in threads."""

    def __init__(self, trust_config: str) -> None:
        """Take the ClientTrustConfig v0.1 (JSON text) whose signing services are to be used.

        Raises:
            InputError: it cannot be read.
        """
        load_trust_config(trust_config, what="the signing configuration")
        self._trust_config = trust_config

    def sign(self, statement: bytes, token: str) -> bytes:
        """Sign `statement` as whoever `token` stands for.

        Args:
            statement: the bytes of an in-toto Statement v1; they are the payload, byte for byte.
            token: an OpenID Connect token for the audience `sigstore`.

        Returns:
            A Sigstore bundle v0.3 (JSON) with certificate, SET, inclusion proof, checkpoint and timestamp.

        Raises:
            SignatureError: the token is not valid, or a service refused, did not answer, or answered wrongly.
        """
        config = ClientTrustConfig.from_json(self._trust_config)
        config.force_tlog_version = _REKOR_VERSION
        try:
            context = SigningContext.from_trust_config(config)
            identity = IdentityToken(token, client_id="sigstore")
            with _sessions(context), context.signer(identity) as signer:
                bundle = signer.sign_dsse(Statement(statement)).to_json().encode("utf-8")
        except LadingError:
            raise
        except Exception as error:
            # The library has no common base for what its three clients raise, or for what a strange answer causes.
            raise _failure(brief(error)) from error
        # A timestamp authority that fails is a mere warning to the library.
        with refusing("the bundle that was just signed"):
            read_bundle(bundle, limit=len(bundle))
        return bundle


@contextmanager
def _sessions(context: SigningContext) -> Iterator[None]:
    """Prepare this thread's HTTP sessions of the three services, and close them afterwards."""
    # The library makes the sessions and offers no way to them: its version is pinned, and tests sign for real.
    fulcio, rekor, stamps = context._fulcio, context._rekor, context._tsa_clients  # noqa: SLF001
    clients: list[tuple[str, Session]] = [(fulcio.url, fulcio.session)]
    clients += [(client.url, client._session) for client in (rekor, *stamps)]  # type: ignore[attr-defined] # noqa: SLF001
    try:
        for url, session in clients:
            session.trust_env = not _is_loopback(url)
            session.hooks["response"].append(_refuse_failure)
            session.mount("http://", _BoundedAdapter())
            session.mount("https://", _BoundedAdapter())
        yield
    finally:
        for _, session in clients:
            session.close()


class _BoundedAdapter(HTTPAdapter):
    """Gives every request a time limit: the library asks for certificates and log entries without one."""

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        return super().send(request, **{**options, "timeout": options.get("timeout") or _TIMEOUT})


def _refuse_failure(response: Response, **_: Any) -> None:
    """Raise what the service said: the library drops it."""
    if response.ok:
        return
    said = response.text[:300] or response.reason
    with suppress(ValueError, TypeError, KeyError):
        said = response.json()["message"]
    raise _failure(f"{urlsplit(response.url).path} answered {response.status_code}: {printable(str(said))}")


def _is_loopback(url: str) -> bool:
    # Proxy settings of the environment must not apply to a service in this very process.
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False


def _failure(why: str) -> SignatureError:
    return SignatureError(
        f"nothing was signed: {why}",
        remedy="Sign in again for a fresh token, and see that the signing services run.",
    )
