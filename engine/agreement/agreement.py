"""An agreement: who, what terms, from when until when; one canonical form, one digest, one statement to sign."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.agreement.fields import Digest, Moment, Name, Names, at_least_one
from engine.agreement.terms import Benchmarks, Section, Terms
from engine.digest import JSON, canonical, sha256
from engine.events import timestamp
from engine.signing import statement
from engine.signing.identity import Organization

AGREEMENT_TYPE: Final = "urn:lading:agreement:v1"
"""The predicate type of the statement that both organizations sign."""


class Agreement(Section):
    """What two organizations agreed (`docs/formats/agreement.md`).

    INVARIANT: two agreements with the same meaning have the same canonical form, and so the same digest.

    Attributes:
        format: names this format.
        id: what people call it, such as `acme-borealis-2026`. Not unique: a renegotiated one may keep its name.
        provider: the organization that hands artifacts over.
        consumer: the organization that takes them.
        terms: what the consumer may do.
        effective: the first moment it binds.
        expires: the first moment it no longer binds.
        supersedes: digest of the agreement that it replaces once it is in force.
        trust: for each party named, the digest of the trust document its signature must be checked with.
        accepted_formats: the file formats the consumer takes, as manifests name them.
        benchmarks: what artifacts must claim to have measured.
    """

    format: Literal["lading/agreement/v1"]
    id: Name
    provider: Organization
    consumer: Organization
    terms: Terms
    effective: Moment
    expires: Moment
    supersedes: Digest | None = None
    trust: dict[Organization, Digest] = Field(default_factory=dict)
    accepted_formats: Annotated[Names, AfterValidator(at_least_one)]
    benchmarks: Benchmarks = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.provider == self.consumer:
            raise ValueError(f"expected two organizations, found {self.provider} as provider and as consumer")
        if self.effective >= self.expires:
            window = f"{timestamp(self.effective)} and {timestamp(self.expires)}"
            raise ValueError(f"expected effective before expires, found {window}")
        strangers = sorted(set(self.trust) - set(self.parties))
        if strangers:
            raise ValueError(f"trust: expected only {' and '.join(self.parties)}, found {strangers[0]}")
        return self

    @property
    def parties(self) -> tuple[str, str]:
        """The two organizations: provider, then consumer."""
        return self.provider, self.consumer

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form; what offers, decisions and audit events cite."""
        return sha256(self.canonical())

    def to_json(self) -> dict[str, JSON]:
        """Return the agreement as JSON values; what is not set is absent, never null."""
        values: dict[str, JSON] = self.model_dump(mode="json", exclude_none=True)
        return values

    def canonical(self) -> bytes:
        """Return the agreement as canonical JSON (RFC 8785)."""
        return canonical(self.to_json())

    def statement(self) -> bytes:
        """Return the in-toto Statement v1 that both organizations sign, byte for byte the same."""
        return statement(self.id, self.digest, AGREEMENT_TYPE, self.to_json())
