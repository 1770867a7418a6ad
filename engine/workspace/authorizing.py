"""A second person signs that a transfer may go: checked, signed and verified in one way, whatever it is they sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.custody.statements import Authorization
from engine.digest import sha256
from engine.errors import UntrustedIdentity
from engine.transfer.authorization import objection
from engine.transfer.outgoing import Outgoing
from engine.transfer.parts import Parts
from engine.workspace.office import Office


@dataclass(frozen=True, slots=True)
class Signed:
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
) -> Signed:
    """Have a second person sign a statement that would count.

    Raises:
        UntrustedIdentity: it would not, or the organization's trust document does not let them sign it.
    """
    demand(parts, transfer, said, who, asked)
    bundle = office.sign(said.statement(), who)
    office.trust.organization_trust(office.organization).verify(bundle, predicate_type=said.predicate_type())
    return Signed(said, who, bundle)


def demand(parts: Parts, transfer: Outgoing, said: Authorization, who: str, asked: Mapping[str, Any]) -> None:
    """Demand that a statement counts for a transfer as it stands now.

    Raises:
        UntrustedIdentity: it does not; the message says why.
    """
    against = objection(parts, transfer, asked, said, who)
    if against is not None:
        raise UntrustedIdentity(f"this approval would not count: {against}", remedy="Ask somebody else to approve it.")
