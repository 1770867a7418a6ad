"""Dialing partners: the certificates this organization's gateway shows, and the authorities it takes others by."""

import ssl
import threading
from collections.abc import Callable
from datetime import timedelta

from engine.events import Clock
from engine.signing.trust_folder import TrustFolder
from engine.transfer.courier import CourierPartner
from engine.transfer.network import anywhere
from engine.wire.authority import GatewayCA, Leaf
from engine.wire.courier import Courier
from engine.wire.dial import Partner
from engine.wire.tls import client_context
from engine.workspace.keys import read_secret
from engine.workspace.layout import Layout
from engine.workspace.settings import Settings


class Dialing:
    """Knows how partners' gateways are reached, and as whom. Any number of threads may use it at once.

    Args:
        layout: where the key of the gateway's authority is; it is read when a certificate is first needed.
        settings: whose gateway it is, and how long its certificates live.
        trust: the pinned trust, with each partner's address and authorities.
        clock: the time.
    """

    def __init__(self, layout: Layout, settings: Settings, trust: TrustFolder, clock: Clock) -> None:
        self._layout = layout
        self._settings = settings
        self._trust = trust
        self._clock = clock
        self._life = timedelta(minutes=settings.gateway.certificate_minutes)
        self._shown: Leaf | None = None
        self._lock = threading.Lock()

    def partner(self, organization: str, admits: Callable[[str], None] = anywhere) -> CourierPartner:
        """Return a partner's gateway, to be dialled when it is first asked something.

        Args:
            organization: whose.
            admits: told the network zone of every connection before anything is asked; what it raises ends it.

        Raises:
            InputError: it is not a confirmed partner.
        """
        document = self._trust.partner(organization)

        def context() -> ssl.SSLContext:
            return client_context(self._client_leaf(), document.gateway_ca)

        def admits_address(address: str) -> None:
            admits(self._settings.zones.of(address))

        url, authorities = document.gateway_url, document.gateway_ca
        return CourierPartner(Courier(Partner(organization, url, authorities, context, self._clock, admits_address)))

    def bundles(self) -> dict[str, tuple[str, ...]]:
        """Return the gateway authorities pinned for each partner."""
        return {org: self._trust.partner(org).gateway_ca for org in self._trust.partners()}

    def leaf(self) -> Leaf:
        """Issue a gateway certificate for this process."""
        authority = GatewayCA(read_secret(self._layout.keys / "gateway-ca.pem"), self._clock)
        return authority.issue_leaf(self._settings.service_identity, self._life)

    def _client_leaf(self) -> Leaf:
        """Return the certificate to dial partners with; a new one when a third of its life is over."""
        with self._lock:
            if self._shown is None or self._clock() > self._shown.expires - self._life * 2 / 3:
                self._shown = self.leaf()
            return self._shown
