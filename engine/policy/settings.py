"""`bundle.toml`: what a policy folder says about itself, and what its lint is told to overlook, with a reason.

    [bundle]
    name = "transfers"
    description = "What leaves the house, and to whom."
    owner = "security"

    [lint]
    arithmetic-in-forbid = "error"      # info, warning or error

    [[suppress]]
    policy = "deny-size"
    code = "arithmetic-in-forbid"
    reason = "both sides are counts of files"

The file is optional and decides nothing. What keeps a bundle from loading cannot be suppressed.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from engine.errors import PolicyError
from engine.files import read_regular
from engine.findings import Severity
from engine.policy.documents import Section, faults

SETTINGS_FILE: Final = "bundle.toml"
MAX_SETTINGS_BYTES: Final = 1 << 20

_REMEDY: Final = "Mend bundle.toml; docs/policy.md shows what it may say."
_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _About(Section):
    name: _Text = ""
    description: _Text = ""
    owner: _Text = ""


class _Suppress(Section):
    policy: _Text
    code: _Text
    reason: _Text


class _File(Section):
    bundle: _About = _About()
    lint: dict[str, Severity] = Field(default_factory=dict)
    suppress: tuple[_Suppress, ...] = ()


_FILE: Final = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Settings:
    """What `bundle.toml` says.

    Attributes:
        name: the bundle's name.
        description: what it is for.
        owner: who answers for it.
        severities: how much a finding of lint matters, by its code.
        suppressed: why a finding is overlooked, by policy and code.
    """

    name: str = ""
    description: str = ""
    owner: str = ""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    suppressed: Mapping[tuple[str, str], str] = field(default_factory=dict)


NOTHING_SET: Final = Settings()


def read_settings(path: Path) -> Settings:
    """Read a `bundle.toml`; without the file nothing is set.

    Raises:
        PolicyError: it is too large, not TOML, or a field is unknown or malformed; the message names every such field.
    """
    try:
        data = read_regular(path, MAX_SETTINGS_BYTES + 1)
    except FileNotFoundError:
        return NOTHING_SET
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}", remedy=_REMEDY) from None
    if len(data) > MAX_SETTINGS_BYTES:
        raise PolicyError(f"{path} has more than {MAX_SETTINGS_BYTES} bytes", remedy=_REMEDY)
    try:
        # Not strict here: TOML has lists, and names of severities are text.
        read = _FILE.validate_python(tomllib.loads(data.decode("utf-8")), strict=False)
    except ValidationError as error:
        raise PolicyError(f"{path}: {'; '.join(faults(error))}", remedy=_REMEDY) from None
    except ValueError as error:
        raise PolicyError(f"{path} is not TOML: {error}", remedy=_REMEDY) from None
    return Settings(
        read.bundle.name,
        read.bundle.description,
        read.bundle.owner,
        read.lint,
        {(each.policy, each.code): each.reason for each in read.suppress},
    )
