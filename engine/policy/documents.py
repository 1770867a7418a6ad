"""Files that people write, read strictly: limited in size, UTF-8, plain YAML or JSON, no unknown field."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.agreement.strict_yaml import parse_yaml
from engine.digest import parse_json
from engine.errors import InputError

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_SHOWN: Final = 80  # characters of what was found

_Document = TypeVar("_Document")


class Section(BaseModel):
    """A part of such a file: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def read_document(path: Path, kind: TypeAdapter[_Document], *, remedy: str) -> _Document:
    """Read a file: JSON if its name ends in `.json`, otherwise YAML.

    Raises:
        InputError: it is missing, too large, not what its name says, or a field is missing, unknown or malformed;
            the message names every such field, what was found and what was expected.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
        if path.suffix == ".json" or len(data) > MAX_DOCUMENT_BYTES:
            value: object = parse_json(data, what=str(path), limit=MAX_DOCUMENT_BYTES)
        else:
            value = parse_yaml(data.decode("utf-8"))
        # Through JSON text, because strict validation takes lists and RFC 3339 times from JSON alone.
        return kind.validate_json(json.dumps(value))
    except InputError as error:
        raise InputError(str(error), remedy=remedy) from None
    except ValidationError as error:
        raise InputError(f"{path}: {'; '.join(faults(error))}", remedy=remedy) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy=remedy) from None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}", remedy=remedy) from None


def faults(error: ValidationError) -> Iterator[str]:
    """Yield every field that is wrong: what was found and what was expected."""
    for each in error.errors(include_url=False):
        place = ".".join(str(part) for part in each["loc"]) or "the file"
        message = each["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        if each["type"] in {"missing", "value_error", "json_invalid"}:
            yield f"{place}: {message}"
        else:
            yield f"{place}: found {json.dumps(each['input'], default=str)[:_SHOWN]}, {message}"
