"""Network zones: `[zones]` of `lading.toml` names address ranges, and policy sees which one a connection is in."""

import ipaddress
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from engine.policy.facts import PARTNER_ZONE

OUTSIDE: Final = "outside"
"""The zone of an address that is in none of those that are named."""


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"found {text!r}, expected a range of addresses such as 10.0.0.0/8 ({error})") from None
    return text


def _free(name: str) -> str:
    if name == OUTSIDE:
        raise ValueError(f"found {name!r}, expected another name: it is kept for addresses that are in no zone")
    return name


Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), AfterValidator(_free)]
Network: TypeAlias = Annotated[str, AfterValidator(_network)]


class Zones(RootModel[dict[Name, tuple[Network, ...]]]):
    """Zones by name, each with its ranges. The first that has an address counts."""

    model_config = ConfigDict(frozen=True)
    root: dict[Name, tuple[Network, ...]] = Field(default_factory=dict)

    def of(self, address: str) -> str:
        """Return the zone of an IPv4 or IPv6 address; what is no address is outside."""
        if not self.root:
            return PARTNER_ZONE
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return OUTSIDE
        plain = getattr(found, "ipv4_mapped", None) or found
        named = (name for name, networks in self.root.items() if _has(networks, plain))
        return next(named, OUTSIDE)


def _has(networks: tuple[str, ...], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in ipaddress.ip_network(network) for network in networks)
