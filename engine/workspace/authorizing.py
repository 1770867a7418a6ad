"""A second person signs that a transfer may go: checked, signed and verified in one way, whatever it is they sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.custody.statements import Authorization
from engine.digest import sha256
from engine.errors import UntrustedIdentity
from engine.events import Event
from engine.transfer.authorization import objection
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.workspace.office import Office
from engine.workspace.settling import STAGED, settle


@dataclass(frozen=True, slots=True)
class SignOff:
    """What a second person signed.

    Attributes:
        said: the statement.
        who: its signatory.
        bundle: the Sigstore bundle.
    """

    said: Authorization
    who: str
    bundle: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the statement."""
        return sha256(self.said.statement())


def sign(
    office: Office, parts: Parts, transfer: Outgoing, said: Authorization, who: str, asked: Mapping[str, Any]
) -> SignOff:
    """Have a second person sign a statement that would count.

    Raises:
        UntrustedIdentity: it would not, or the organization's trust document does not let them sign it.
    """
    demand(parts, transfer, said, who, asked)
    bundle = office.sign(said.statement(), who)
    office.trust.organization_trust(office.organization).verify(bundle, predicate_type=said.predicate_type())
    return SignOff(said, who, bundle)


def put_in_force(
    office: Office, parts: Parts, transfer: Outgoing, signed: SignOff, asked: Mapping[str, Any], event: Event
) -> None:
    """Have what a second person signed count, if it still would; it is in the log before it does.

    The caller holds `Office.working_on` for the transfer, and read it after that.

    Raises:
        UntrustedIdentity: it would no longer count; nothing was recorded.
    """
    demand(parts, transfer, signed.said, signed.who, asked)
    office.outgoing.save(transfer, {STAGED: signed.bundle})
    office.log.record(event)
    settle(office, transfer.id)


def demand(parts: Parts, transfer: Outgoing, said: Authorization, who: str, asked: Mapping[str, Any]) -> None:
    """Demand that a statement counts for a transfer as it stands now.

    Raises:
        UntrustedIdentity: it does not; the message says why.
    """
    against = objection(parts, transfer, asked, said, who)
    if against is not None:
        raise UntrustedIdentity(f"this approval would not count: {against}", remedy="Ask somebody else to approve it.")
