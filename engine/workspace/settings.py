"""`lading.toml`: read, checked field by field, and written once by `lading init`."""

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from engine.audit.retention import age_of
from engine.audit.selection import PATTERN
from engine.errors import UsageError, WorkspaceError
from engine.workspace.zones import Zones

ORGANIZATION = re.compile(r"(?=.{3,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
ADDRESS = re.compile(r"(?P<host>[0-9.]+|\[[0-9a-f:]+\]):(?P<port>[0-9]{1,5})")
URL = re.compile(r"https://[A-Za-z0-9.\-\[\]:]+:(?P<port>[0-9]{1,5})")
HIGHEST_PORT = 65535


def organization_id(text: str) -> str:
    """Check an organization id: a DNS name in lower case, such as `acme.example`."""
    if not ORGANIZATION.fullmatch(text):
        raise ValueError(f"found {text!r}, expected a DNS name in lower case, such as acme.example")
    return text


def region_code(text: str) -> str:
    """Check a region: `EU`, or an ISO 3166 code such as `US` or `US-CA`."""
    if not REGION.fullmatch(text):
        raise ValueError(f"found {text!r}, expected EU or an ISO 3166 code such as US or US-CA")
    return text


def listen_address(text: str) -> str:
    """Check an address to listen on, such as `127.0.0.1:8443`."""
    match = ADDRESS.fullmatch(text)
    if match is None or not _is_address(match["host"]) or not 1 <= int(match["port"]) <= HIGHEST_PORT:
        raise ValueError(f"found {text!r}, expected ADDRESS:PORT, such as 127.0.0.1:8443")
    return text


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def gateway_url(text: str) -> str:
    """Check the URL partners dial: https, a host, a port, no path."""
    match = URL.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= HIGHEST_PORT:
        raise ValueError(f"found {text!r}, expected https://HOST:PORT without a path")
    return text


def kept_for(text: str) -> str:
    """Check how long something is kept, such as `90d` or `2y`."""
    age_of(text)
    return text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganizationSettings(_Section):
    """Who this workspace is."""

    id: Annotated[str, AfterValidator(organization_id)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    region: Annotated[str, AfterValidator(region_code)]


class GatewaySettings(_Section):
    """The organization's service. Times are seconds unless the name says otherwise."""

    listen: Annotated[str, AfterValidator(listen_address)] = "127.0.0.1:8443"
    url: Annotated[str, AfterValidator(gateway_url)] = "https://127.0.0.1:8443"
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    certificate_minutes: Annotated[int, Field(ge=10, le=60)] = 60
    witness_seconds: Annotated[int, Field(ge=1, le=86400)] = 30
    witness_stale_minutes: Annotated[int, Field(ge=1, le=525600)] = 60
    reauthorize_seconds: Annotated[int, Field(ge=1, le=3600)] = 60

    @property
    def address(self) -> tuple[str, int]:
        """The host and port to bind."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


class PolicySettings(_Section):
    """What the records of decisions keep, and what of decisions about their own transfers partners get to see.

    Attributes:
        mask: paths whose values records do not keep.
        disclose: whether partners are shown records.
        auditors: age recipients; a partner gets this side's annex encrypted to them, or some of them, if it asks.
        annex: whether a partner who asks gets it in the clear as well, with the policies that decided.
    """

    mask: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")], ...] = ()
    disclose: bool = True
    auditors: Annotated[tuple[Annotated[str, Field(pattern=r"^age1[0-9a-z]{58}$")], ...], Field(max_length=50)] = ()
    annex: Literal["auditors", "partner"] = "auditors"


class RetentionSettings(_Section):
    """How long payloads of the log are kept, by event type; what is not named is kept for ever."""

    daily: bool = False
    keep: dict[Annotated[str, Field(pattern=PATTERN)], Annotated[str, AfterValidator(kept_for)]] = {}


class SigningSettings(_Section):
    """Which Sigstore signs. `sandbox`: one operator holds CA, log and clock."""

    mode: Literal["sandbox"] = "sandbox"


class Settings(_Section):
    """The whole file."""

    organization: OrganizationSettings
    gateway: GatewaySettings = GatewaySettings()
    signing: SigningSettings = SigningSettings()
    policy: PolicySettings = PolicySettings()
    zones: Zones = Zones()
    retention: RetentionSettings = RetentionSettings()

    @property
    def issuer(self) -> str:
        """The stable name of the organization's OIDC issuer."""
        return f"https://oidc.{self.organization.id}"

    def identity_of(self, who: str) -> str:
        """Return the identity that a name of this organization stands for; an identity stands for itself."""
        return who if "@" in who or "://" in who else f"{who}@{self.organization.id}"

    @property
    def service_identity(self) -> str:
        """The gateway's own identity, in certificates and statements (SPIFFE ID)."""
        return f"spiffe://{self.organization.id}/gateway"


def load_settings(path: Path) -> Settings:
    """Read and check `lading.toml`.

    Raises:
        WorkspaceError: it is missing, not TOML, or a field is unknown or malformed.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
        return Settings.model_validate(raw)
    except FileNotFoundError:
        raise WorkspaceError(
            f"{path.parent} is not a lading workspace: it has no {path.name}",
            remedy="Name the folder of one with -C DIR or LADING_HOME, or create one: "
            f"'lading init {path.parent} --org ORG --name NAME --region REGION --admin NAME'.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} is not TOML: {error}", remedy="Mend the line it names.") from None
    except ValidationError as error:
        raise WorkspaceError(
            f"{path}: {explain(error)}", remedy="Mend the field; the sample in docs/workspace.md names all."
        ) from None


def new_settings(*, org: str, name: str, region: str, listen: str | None, url: str | None) -> Settings:
    """Make the settings of a new workspace from command-line values.

    Raises:
        UsageError: a value is malformed.
    """
    gateway = {"listen": listen} if listen else {}
    if listen or url:
        gateway["url"] = url or f"https://{listen}"
    try:
        return Settings.model_validate(
            {"organization": {"id": org, "name": name, "region": region}, "gateway": gateway}
        )
    except ValidationError as error:
        raise UsageError(explain(error), remedy="See 'lading init --help' for examples.") from None


def explain(error: ValidationError) -> str:
    """Say which fields are wrong, what was found and what was expected, in one line."""
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
        + ("" if "found" in fault["msg"] or fault["type"] == "missing" else f", found {fault['input']!r}")
        for fault in error.errors(include_url=False)
    )


def dump_settings(settings: Settings) -> str:
    """Write settings as the commented file a person will edit."""
    organization, gateway = settings.organization, settings.gateway
    return f"""\
# A lading workspace. Every field is checked when it is read; 'lading doctor' names what is wrong.

[organization]
id = {_quoted(organization.id)}
name = {_quoted(organization.name)}
region = {_quoted(organization.region)}

[gateway]
listen = {_quoted(gateway.listen)}            # where the gateway listens
url = {_quoted(gateway.url)}       # what partners dial; part of the trust document
workers = {gateway.workers}                           # processes that take connections
certificate_minutes = {gateway.certificate_minutes}              # life of a gateway certificate; renewed after a third
witness_seconds = {gateway.witness_seconds}                  # how often witnesses are asked to cosign this log
witness_stale_minutes = {gateway.witness_stale_minutes}            # how old an entry may be that is not cosigned
reauthorize_seconds = {gateway.reauthorize_seconds}              # how often a running transfer is decided again

[signing]
mode = {_quoted(settings.signing.mode)}                    # one operator holds CA, log and clock
"""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
