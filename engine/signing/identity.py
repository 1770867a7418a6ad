"""Who signs: the identity a certificate names, and the list of identities an organization answers for.

`trust/identities.toml` holds that list, one array of tables per organization:

    [["acme.example"]]
    identity = "ada@acme.example"
    issuer = "https://oidc.acme.example"
    predicate_types = ["urn:lading:offer:v1"]

An identity is an e-mail address (a person) or a URI (a service, `spiffe://acme.example/gateway`). It means
something only together with the issuer that vouched for it. Both are compared exactly: no pattern, no wildcard.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from engine.errors import InputError
from engine.signing.reasons import brief

_LIMIT: Final = 1 << 20  # bytes of identities.toml
_ORGANIZATION: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_IDENTITY: Final = r"^([!-?A-~]{1,200}@[a-z0-9.-]{3,253}|[a-z][a-z0-9+.-]{0,30}://[!-~]{1,1000})$"


def check_organization(text: str) -> str:
    """Return `text` if it is an organization id: DNS-like, lower case, at least one dot, safe as a folder name.

    Raises:
        ValueError: it is not.
    """
    if not _ORGANIZATION.fullmatch(text) or "." not in text or ".." in text:
        raise ValueError(f"{text!r} is not an organization id, such as acme.example")
    return text


Organization = Annotated[str, AfterValidator(check_organization)]
Identity = Annotated[str, Field(pattern=_IDENTITY)]
Issuer = Annotated[str, Field(pattern=r"^https://[!-~]{1,1000}$")]
PredicateType = Annotated[str, Field(pattern=r"^[a-z]+:[!-~]{1,1000}$")]


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who a signing certificate was issued to.

    Attributes:
        identity: the certificate's only subject alternative name: an e-mail address or a URI.
        issuer: the OpenID Connect issuer that vouched for it.
    """

    identity: str
    issuer: str

    def __str__(self) -> str:
        """Name both halves, since neither means anything alone."""
        return f"{self.identity} (according to {self.issuer})"


@dataclass(frozen=True, slots=True)
class AllowedIdentity:
    """What one identity may sign in the name of its organization.

    Attributes:
        identity: an e-mail address or a URI, compared exactly.
        issuer: the issuer that must have vouched for it, compared exactly.
        predicate_types: the statements it may sign; none but these.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    identity: Identity
    issuer: Issuer
    predicate_types: Annotated[tuple[PredicateType, ...], Field(min_length=1)]

    def allows(self, signatory: Signatory, predicate_type: str) -> bool:
        """Say whether this entry lets `signatory` sign statements of that type."""
        return Signatory(self.identity, self.issuer) == signatory and predicate_type in self.predicate_types


_FILE: Final = TypeAdapter(dict[Organization, tuple[AllowedIdentity, ...]])


def load_identities(path: Path) -> dict[str, tuple[AllowedIdentity, ...]]:
    """Read `identities.toml`.

    Raises:
        InputError: the file is missing, too large, not TOML, or an entry is not what it should be.
    """
    remedy = f"Mend {path}, or confirm the partner again with 'lading partner confirm'."
    try:
        data = path.read_bytes()
        if len(data) > _LIMIT:
            raise InputError(f"{path} has {len(data)} bytes, at most {_LIMIT} make sense", remedy=remedy)
        return _FILE.validate_python(tomllib.loads(data.decode("utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {brief(error)}", remedy=remedy) from error


def dump_identities(identities: Mapping[str, Sequence[AllowedIdentity]]) -> str:
    """Write `identities.toml`: organizations sorted, entries in their given order."""
    lines = ["# Who may sign which statements, per organization. Removing a line narrows what is trusted."]
    for organization in sorted(identities):
        for entry in identities[organization]:
            lines += [
                "",
                f"[[{_quoted(organization)}]]",
                f"identity = {_quoted(entry.identity)}",
                f"issuer = {_quoted(entry.issuer)}",
                "predicate_types = [",
                *(f"    {_quoted(predicate_type)}," for predicate_type in entry.predicate_types),
                "]",
            ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string of printable ASCII is also a TOML basic string, and the patterns above allow nothing else.
    return json.dumps(text)
