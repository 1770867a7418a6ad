"""An organization's own Sigstore in one process: issuer, certificate authority, log and clock."""

import json
from contextlib import ExitStack
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engine.digest import canonical
from engine.errors import InputError, UsageError
from engine.events import Clock
from engine.signing.identity import Signatory, check_organization
from engine.signing.sandbox import certificates, entries, timestamps
from engine.signing.sandbox.issuer import Issuer
from engine.signing.sandbox.keys import load_certificate_authority, load_key, load_timestamp_authority
from engine.signing.sandbox.log import TransparencyLog
from engine.signing.sandbox.server import LoopbackServer, Route
from engine.signing.sandbox.trust_config import Instance, Services, client_trust_config, stable_services

if TYPE_CHECKING:
    from engine.signing.signer import Signer


class Sandbox:
    """The sandbox of one organization.

    It can always mint and check tokens and state its trust configuration. To sign, enter it: that locks and reads
    the log and starts the loopback server.
    """

    def __init__(self, keys: Path, state: Path, organization: str, clock: Clock) -> None:
        """Load the keys, making those that are missing.

        Args:
            keys: the folder of the sandbox's own private keys (0700).
            state: the folder of its log.
            organization: whose people and services it vouches for.
            clock: the time that its tokens, certificates, log entries and timestamps state.

        Raises:
            InputError: `organization` is not an organization id.
            WorkspaceError: a key file is broken or readable by others.
        """
        try:
            check_organization(organization)
        except ValueError as error:
            raise InputError(str(error), remedy="Use a name such as acme.example.") from None
        now = clock()
        self._clock = clock
        self._log_path = state / "rekor.log"
        self._issuer = Issuer(organization, load_key(keys / "oidc.pem"))
        self._log_key = load_key(keys / "rekor.pem")
        self._certificate_log_key = load_key(keys / "ctfe.pem")
        self._instance = Instance(
            organization=organization,
            certificates=load_certificate_authority(keys / "fulcio.pem", organization=organization, now=now),
            timestamps=load_timestamp_authority(keys / "tsa.pem", organization=organization, now=now),
            log_key=self._log_key.public_key(),
            certificate_log_key=self._certificate_log_key.public_key(),
        )
        self._server: LoopbackServer | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Open the log and start serving on a free port of 127.0.0.1.

        Raises:
            OwnerBusy: another process has this sandbox open.
            LogTampered: the log was edited.
        """
        with ExitStack() as opening:
            log = TransparencyLog(self._log_path, name=f"rekor.{self._instance.organization}", key=self._log_key)
            opening.enter_context(log)
            self._server = opening.enter_context(LoopbackServer(self._routes(log)))
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving, then close the log."""
        self._server = None
        self._open.close()

    @property
    def issuer(self) -> str:
        """The stable name of the issuer, as certificates state it."""
        return self._issuer.url

    def mint(self, identity: str, ttl_seconds: int = 600) -> str:
        """Return an OpenID Connect token for one of the organization's identities.

        Args:
            identity: `ada@acme.example` or `spiffe://acme.example/gateway`.
            ttl_seconds: how long it may be used to sign.

        Raises:
            InputError: the identity is not the organization's.
        """
        return self._issuer.mint(identity, ttl_seconds=ttl_seconds, now=self._clock())

    def check(self, token: str, now: datetime) -> Signatory:
        """Return whom a token stands for.

        Raises:
            UntrustedIdentity: it is not a token of this sandbox, or not valid at `now`.
        """
        return self._issuer.check(token, now)

    def trust_config(self) -> str:
        """Return the public ClientTrustConfig: canonical JSON that stays the same as long as the keys do."""
        return self._trust_config(stable_services(self._instance.organization))

    def signer(self) -> "Signer":
        """Return a signer that uses this sandbox while it is entered.

        Raises:
            UsageError: the sandbox is not entered.
        """
        if self._server is None:
            raise UsageError("the sandbox is not running", remedy="Sign inside its 'with' block.")
        # Sigstore takes half a second to import: only those who sign pay for it.
        from engine.signing.signer import Signer

        url = self._server.url
        local = Services(certificates=url, issuer=url, log=f"{url}/rekor", timestamps=f"{url}/tsa")
        return Signer(self._trust_config(local))

    def _trust_config(self, services: Services) -> str:
        return canonical(client_trust_config(self._instance, services)).decode("utf-8")

    def _routes(self, log: TransparencyLog) -> dict[str, Route]:
        fulcio = certificates.CertificateService(self._instance.certificates, self._certificate_log_key)
        rekor = entries.LogService(log, self._instance.certificates)
        tsa = timestamps.TimestampService(self._instance.timestamps)

        def certify(token: str, body: bytes) -> bytes:
            now = self._clock()
            return json.dumps(fulcio.answer(body, self.check(token, now), now)).encode("utf-8")

        def enter(_: str, body: bytes) -> bytes:
            return json.dumps(rekor.answer(body, self._clock())).encode("utf-8")

        def stamp(_: str, body: bytes) -> bytes:
            return tsa.answer(body, self._clock())

        json_type = "application/json"
        return {
            # Fulcio clients drop the path of the base URL, so its route cannot have a prefix.
            "/api/v2/signingCert": Route(certificates.REQUEST_LIMIT, json_type, certify),
            "/rekor/api/v1/log/entries": Route(entries.REQUEST_LIMIT, json_type, enter),
            "/tsa": Route(timestamps.REQUEST_LIMIT, "application/timestamp-reply", stamp, HTTPStatus.OK),
        }
