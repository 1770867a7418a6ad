"""The files of a policy folder, read as bytes from outside and cut into statements that know their place.

Cedar's parser names neither file nor line. So each statement is parsed by itself, and the parser is held to what
was cut: one statement, one policy.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.digest import canonical, sha256
from engine.errors import PolicyError

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 1000

_REMEDY: Final = "Mend the policy folder, or copy the starter policies again."
_TOKEN: Final = re.compile(
    r"""(?P<skipped> \s+ | //[^\n]* ) | "(?:[^"\\]|\\.)*" | (?P<end> ; ) | [^\s/";]+ | .""", re.VERBOSE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as it is written.

    Attributes:
        file: the name of the file, such as `agreement.cedar`.
        line: the one-based line its first annotation or keyword stands on.
        text: from there to the closing semicolon.
    """

    file: str
    line: int
    text: str

    @property
    def place(self) -> str:
        """`file:line`, as editors read it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class PolicySource:
    """What a policy folder says.

    Attributes:
        schema: the text of the schema.
        schema_file: the name of its file.
        schema_digest: SHA-256 of that file.
        statements: every policy, by file name and line.
        digest: SHA-256 of the canonical JSON list of `{path, sha256}` of the schema and the policy files, sorted
            by path. Test suites are not part of it.
    """

    schema: str
    schema_file: str
    schema_digest: str
    statements: tuple[Statement, ...]
    digest: str


def read_folder(folder: Path) -> PolicySource:
    """Read the one `*.cedarschema` and every `*.cedar` of a folder.

    Raises:
        PolicyError: there is no such folder, no schema or more than one, no policy, a policy below a subfolder
            where it would be forgotten, or a file that is too large, not UTF-8 or not readable.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in _policy_files(folder))
    nested = next((name for name in names if "/" in name), None)
    if nested is not None:
        raise _broken(folder / nested, "stands in a subfolder, expected beside the schema")
    files = {name: _read(folder / name) for name in names}
    schemas = [name for name in names if name.lower().endswith(".cedarschema")]
    if len(schemas) != 1:
        raise _broken(folder, f"{len(schemas)} files end in .cedarschema, expected one")
    if len(files) == 1 or len(files) > MAX_FILES:
        raise _broken(folder, f"{len(files) - 1} files end in .cedar, expected 1 to {MAX_FILES - 1}")
    schema = schemas[0]
    digests = {name: sha256(data) for name, data in files.items()}
    return PolicySource(
        schema=_text(folder / schema, files[schema]),
        schema_file=schema,
        schema_digest=digests[schema],
        statements=tuple(
            Statement(name, line, text)
            for name in names
            if name != schema
            for line, text in split(_text(folder / name, files[name]))
        ),
        digest=sha256(canonical([{"path": name, "sha256": digests[name]} for name in names])),
    )


def split(text: str) -> Iterator[tuple[int, str]]:
    """Cut Cedar text into statements; yield the line each starts on, and its text.

    What follows the last semicolon, unless it is blank or a comment, is yielded as well: it will not parse.
    """
    start: int | None = None
    line, counted = 1, 0
    for token in _TOKEN.finditer(text):
        if start is None and token["skipped"] is None:
            start = token.start()
            line, counted = line + text.count("\n", counted, start), start
        if token["end"] is not None and start is not None:
            yield line, text[start : token.end()]
            start = None
    if start is not None:
        yield line, text[start:]


def _policy_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise _broken(folder, "is not a folder")
    return [path for path in folder.rglob("*") if path.suffix.lower() in {".cedar", ".cedarschema"}]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _broken(path, f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise _broken(path, f"has more than {MAX_FILE_BYTES} bytes")
    return data


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(path, f"byte {error.start} is not UTF-8") from None


def _broken(path: Path, why: str) -> PolicyError:
    return PolicyError(f"{path} {why}", remedy=_REMEDY)
