"""The signed statement by which a second person lets a bundle decide (docs/formats/statements.md).

It binds everything the decision rested on: the bundle, what judged it, the bundle it replaces, its author. It is
valid for at most four hours, and its nonce is consumed with the activation.
"""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.digest import JSON
from engine.errors import BadSignature
from engine.events import SKEW, timestamp
from engine.signing.organization_trust import Signed
from engine.signing.statement import statement

POLICY_APPROVAL: Final = "urn:lading:policy-approval:v1"
APPROVAL_LIFE: Final = timedelta(hours=4)

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(min_length=1, max_length=2000)]


class PolicyApproval(BaseModel):
    """A second person approves one bundle, on top of one other.

    Attributes:
        organization: whose policies they are.
        bundle: digest of the bundle; also the statement's subject.
        gate: digest of what judged it: its suites and its `bundle.toml`.
        base: digest of the bundle it replaces.
        author: the identity that proposed it.
        reason: the approver's, in their words.
        nonce: 128 random bits.
        issued: from when it counts, by the approver's clock.
        expires: and until when, at most four hours later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization: Line
    bundle: Digest
    gate: Digest
    base: Digest
    author: Line
    reason: Line
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    issued: AwareDatetime
    expires: AwareDatetime

    @classmethod
    def draft(
        cls, *, organization: str, bundle: str, gate: str, base: str, author: str, reason: str, now: datetime
    ) -> Self:
        """Say it now, for as long as it may last."""
        return cls(
            organization=organization,
            bundle=bundle,
            gate=gate,
            base=base,
            author=author,
            reason=reason,
            nonce=secrets.token_hex(16),
            issued=now,
            expires=now + APPROVAL_LIFE,
        )

    def statement(self) -> bytes:
        """Return the canonical in-toto statement; its subject is the bundle's digest."""
        predicate: dict[str, JSON] = {
            name: timestamp(value) if isinstance(value, datetime) else value
            for name, value in self.model_dump().items()
        }
        return statement("policies", self.bundle, POLICY_APPROVAL, predicate)

    @classmethod
    def read(cls, signed: Signed) -> Self:
        """Take the predicate out of a verified statement.

        Raises:
            BadSignature: fields are missing, unknown or malformed, or the subject is another bundle.
        """
        try:
            said = cls.model_validate(signed.statement["predicate"], strict=False)
        except (ValidationError, KeyError) as error:
            raise _refused(f"is malformed: {error}") from None
        if signed.subject_sha256 != said.bundle or signed.payload != said.statement():
            raise _refused("says one thing in its subject and another in its predicate")
        return said

    def objection(
        self, *, organization: str, bundle: str, gate: str, base: str, author: str, now: datetime
    ) -> str | None:
        """Return why it does not count for this, now; None if it does."""
        expected = {"organization": organization, "bundle": bundle, "gate": gate, "base": base, "author": author}
        for name, value in expected.items():
            found = getattr(self, name)
            if found != value:
                return f"it is about {name} {found[:64]}, expected {value[:64]}"
        if self.expires - self.issued > APPROVAL_LIFE:
            return (
                f"it claims to last until {timestamp(self.expires)}, expected at most {APPROVAL_LIFE} from its signing"
            )
        if now + SKEW < self.issued:
            return f"it counts from {timestamp(self.issued)}, which is in the future"
        if now >= self.expires:
            return f"it expired at {timestamp(self.expires)}"
        return None


def _refused(why: str) -> BadSignature:
    return BadSignature(f"the approval {why}", remedy="Ask the second person for a new approval.")
