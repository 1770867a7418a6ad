"""Agreements from outside: a person's YAML or JSON file, a partner's canonical bytes."""

import json
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from engine.agreement.agreement import Agreement
from engine.agreement.strict_yaml import parse_yaml
from engine.digest import parse_canonical, parse_json
from engine.errors import AgreementError, InputError

MAX_AGREEMENT_BYTES: Final = 1024 * 1024
"""The largest agreement that is read, in bytes."""

_MEND: Final = "Mend the fields it names; samples/agreement.yaml explains every one."
_ASK_PARTNER: Final = "Ask the partner to propose the agreement again."
_SHOWN: Final = 80
_MESSAGES: Final = {"extra_forbidden": "expected no such field"}


def load_agreement(path: Path) -> Agreement:
    """Read an agreement that a person wrote: JSON if the name ends in `.json`, otherwise YAML.

    Raises:
        AgreementError: it is missing, too large, not YAML or JSON, repeats a key, or a field is missing, unknown
            or malformed; the message names every such field, what was found and what was expected.
    """
    what = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_AGREEMENT_BYTES + 1)
        if len(data) > MAX_AGREEMENT_BYTES:
            raise ValueError(f"more than {MAX_AGREEMENT_BYTES} bytes")  # noqa: TRY301 - one place says which file
        value = (
            parse_json(data, what=what, limit=MAX_AGREEMENT_BYTES)
            if path.suffix == ".json"
            else parse_yaml(data.decode("utf-8"))
        )
    except InputError as error:
        raise AgreementError(str(error), remedy="Mend the place it names.") from None
    except OSError as error:
        raise AgreementError(
            f"{what} cannot be read: {error.strerror}", remedy="Check the path and its permissions."
        ) from None
    except UnicodeDecodeError as error:
        raise AgreementError(
            f"{what} cannot be read: byte {error.start} is not UTF-8", remedy="Save the file as UTF-8."
        ) from None
    except ValueError as error:
        raise AgreementError(f"{what} cannot be read: {error}", remedy="Mend the place it names.") from None
    return _validated(value, what=what, remedy=_MEND)


def parse_agreement(data: bytes, *, what: str = "the agreement") -> Agreement:
    """Read an agreement in canonical form, as it is stored and as partners send it.

    Args:
        data: canonical JSON, and nothing else: another spelling of the same agreement would have another digest.
        what: the file or message, named in errors.

    Raises:
        AgreementError: it is too large, not canonical, or a field is missing, unknown or malformed.
    """
    try:
        value = parse_canonical(data, what=what, limit=MAX_AGREEMENT_BYTES)
    except InputError as error:
        raise AgreementError(str(error), remedy=_ASK_PARTNER) from None
    agreement = _validated(value, what=what, remedy=_ASK_PARTNER)
    if agreement.canonical() != data:
        raise AgreementError(
            f"{what} is an agreement, but not in its canonical form: sets sorted, times in UTC, nothing null, "
            "no default left out",
            remedy=_ASK_PARTNER,
        )
    return agreement


def _validated(value: object, *, what: str, remedy: str) -> Agreement:
    try:
        # Through JSON text, because strict validation takes lists and RFC 3339 times from JSON alone.
        return Agreement.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise AgreementError(f"{what}: {_faults(error)}", remedy=remedy) from None


def _faults(error: ValidationError) -> str:
    """Say which fields are wrong, what was found and what was expected, in one line."""
    return "; ".join(
        _fault(
            ".".join(_shown(part) for part in each["loc"]),
            _MESSAGES.get(each["type"], each["msg"].removeprefix("Value error, ")),
            each["type"],
            each["input"],
        )
        for each in error.errors(include_url=False)
    )


def _fault(place: str, message: str, kind: str, found: object) -> str:
    named = f"{place}: " if place else ""
    if kind == "missing":
        return f"{named}not found, expected a value"
    if kind == "json_invalid" or isinstance(found, dict) or "found" in message:
        return f"{named}{message}"
    written = json.dumps(found)
    short = written if len(written) <= _SHOWN else written[:_SHOWN] + "…"
    return f"{named}found {short}, {message.replace('Input should be', 'expected')}"


def _shown(part: str | int) -> str:
    text = str(part)
    return text if text.isprintable() and len(text) <= _SHOWN else json.dumps(text[:_SHOWN])
