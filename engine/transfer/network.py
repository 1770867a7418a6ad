"""The network a transfer goes through: policy permits a zone, and what the permit moves goes nowhere else.

The zone is that of the address a connection really reached. A name that leads elsewhere by the next connection
changes nothing: that connection is given up before anything is said on it.
"""

from functools import partial

from engine.errors import WireError
from engine.policy.facts import PARTNER_ZONE
from engine.transfer.outgoing import Outgoing
from engine.transfer.partner import Partner
from engine.transfer.parts import Parts


def anywhere(zone: str) -> None:
    """Take a connection to any zone: for what no permit is needed for."""


def permitted(parts: Parts, transfer: Outgoing) -> Partner:
    """Return the partner's gateway, to be reached in the zone that policy permitted last and in no other.

    Its methods raise a plain `WireError`, which nobody tries again, when a connection reaches another zone.
    """
    return parts.connect(transfer.partner, partial(_admit, parts, transfer))


def permitted_zone(parts: Parts, transfer: Outgoing) -> str:
    """Return the zone that policy permitted last; release 0.1.0 kept none, and knew no other than `partner`."""
    kept = parts.table.document(transfer.id, "zone")
    return PARTNER_ZONE if kept is None else kept.decode()


def _admit(parts: Parts, transfer: Outgoing, zone: str) -> None:
    expected = permitted_zone(parts, transfer)
    if zone != expected:
        raise WireError(
            f"the gateway of {transfer.partner} answers from the network zone {zone!r}, policy permitted {expected!r}",
            remedy="Nothing was sent there. Find out why its address changed, then send again: policy decides anew.",
        )
