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
from engine.files import read_regular
from engine.findings import Place
from engine.policy.settings import NOTHING_SET, SETTINGS_FILE, Settings, read_settings

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 1000
MAX_DEPTH: Final = 100
MAX_OPERATORS: Final = 800
MAX_DECLARED: Final = 1000
"""Words of a schema outside of brackets: closing a hierarchy of actions takes the third power of their number."""

_REMEDY: Final = "Mend the policy folder, or copy the starter policies again."
_TOKEN: Final = re.compile(
    r"""(?P<skipped> \s+ | //[^\n]* ) | (?P<text> "(?:[^"\\]|\\.)*+(?:"|\\?\Z) ) | (?P<end> ; ) | [^\s/";]+ | .""",
    re.VERBOSE | re.DOTALL,
)
_OPERATOR: Final = re.compile(r"&&|\|\||[-+*.]|\bif\b")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\w+|::|[=!<>]=|&&|\|\||.', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as it is written.

    Attributes:
        file: the name of the file, such as `agreement.cedar`.
        line: the one-based line its first annotation or keyword stands on.
        text: from there to the closing semicolon.
        column: the one-based column it starts in, in characters.
    """

    file: str
    line: int
    text: str
    column: int = 1

    @property
    def place(self) -> str:
        """`file:line`, as editors read it."""
        return f"{self.file}:{self.line}"

    @property
    def name(self) -> str:
        """What the policy is called if it has no `@id`: its place, with the column unless that is the first.

        So two policies in one line have two names.
        """
        return self.place if self.column == 1 else f"{self.place}:{self.column}"

    def at(self, offset: int) -> Place:
        """Return the place of the character at an offset into the text."""
        before = self.text[:offset]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.column + offset
        return Place(self.file, self.line + lines, column)

    def tokens(self) -> Iterator[tuple[int, str]]:
        """Yield the offset and the text of each token, without blanks and comments."""
        for token in _TOKEN.finditer(self.text):
            if token["skipped"] is None:
                for part in _PART.finditer(token[0]):
                    yield token.start() + part.start(), part[0]


@dataclass(frozen=True, slots=True)
class PolicySource:
    """What a policy folder says.

    Attributes:
        schema: the text of the schema; empty if there is none.
        schema_file: the name of its file; empty if there is none.
        schema_digest: SHA-256 of that file.
        statements: every policy, by file name and line.
        digest: SHA-256 of the canonical JSON list of `{path, sha256}` of the schema and the policy files, sorted
            by path. Test suites are not part of it.
        settings: what its `bundle.toml` says; not part of the digest, because it decides nothing.
    """

    schema: str
    schema_file: str
    schema_digest: str
    statements: tuple[Statement, ...]
    digest: str
    settings: Settings = NOTHING_SET


def read_folder(folder: Path) -> PolicySource:
    """Read the `*.cedarschema`, every `*.cedar` and the `bundle.toml` of a folder.

    Whether a folder may lack the schema is for the reader of what is returned to say.

    Raises:
        PolicyError: there is no such folder, more than one schema, no policy, a policy below a subfolder where it
            would be forgotten, or a file that is too large, not UTF-8 or not readable.
        InputError: `bundle.toml` is not what it should be.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in _policy_files(folder))
    nested = next((name for name in names if "/" in name), None)
    if nested is not None:
        raise _broken(folder / nested, "stands in a subfolder, expected beside the schema")
    files = {name: _read(folder / name) for name in names}
    for name in names:
        _check_extent(folder / name, _text(folder / name, files[name]))
    schemas = [name for name in names if name.lower().endswith(".cedarschema")]
    if len(schemas) > 1:
        raise _broken(folder, f"{len(schemas)} files end in .cedarschema, expected one")
    if not len(schemas) < len(files) <= MAX_FILES:
        raise _broken(folder, f"{len(files) - len(schemas)} files end in .cedar, expected 1 to {MAX_FILES - 1}")
    schema = schemas[0] if schemas else ""
    digests = {name: sha256(data) for name, data in files.items()}
    return PolicySource(
        schema=_text(folder / schema, files[schema]) if schema else "",
        schema_file=schema,
        schema_digest=digests[schema] if schema else sha256(b""),
        statements=tuple(
            Statement(name, line, text, column)
            for name in names
            if name != schema
            for line, column, text in split(_text(folder / name, files[name]))
        ),
        digest=sha256(canonical([{"path": name, "sha256": digests[name]} for name in names])),
        settings=read_settings(folder / SETTINGS_FILE),
    )


def split(text: str) -> Iterator[tuple[int, int, str]]:
    """Cut Cedar text into statements; yield the line and the column each starts at, and its text.

    What follows the last semicolon, unless it is blank or a comment, is yielded as well: it will not parse.
    """
    start: int | None = None
    line, counted = 1, 0
    for token in _TOKEN.finditer(text):
        if start is None and token["skipped"] is None:
            start = token.start()
            line, counted = line + text.count("\n", counted, start), start
        if token["end"] is not None and start is not None:
            yield line, start - text.rfind("\n", 0, start), text[start : token.end()]
            start = None
    if start is not None:
        yield line, start - text.rfind("\n", 0, start), text[start:]


def _policy_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise _broken(folder, "is not a folder")
    return [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in {".cedar", ".cedarschema"}
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)  # an editor's own affair
    ]


def _check_extent(path: Path, text: str) -> None:
    """Refuse what is nested or chained so far that the parser would end the process.

    INVARIANT: Cedar's parser sees no text that did not pass here. It recurses, and a stack that overflows in it
    cannot be caught.
    """
    # In a schema `<` opens a type, in a policy it compares.
    schema = path.suffix.lower() == ".cedarschema"
    opening, closing = ("([{<", ")]}>") if schema else ("([{", ")]}")
    depth, operators, declared = 0, 0, 0
    for token in _TOKEN.finditer(text):
        if token["end"] is not None:
            depth, operators = (depth if schema else 0), 0
        if token["skipped"] is not None or token["text"] is not None:
            continue
        declared += len(_NAME.findall(token[0])) if schema and depth == 0 else 0
        for sign in token[0]:
            depth = max(0, depth + (sign in opening) - (sign in closing))
            if depth > MAX_DEPTH:
                raise _broken(path, f"nests more than {MAX_DEPTH} deep at line {_line(text, token.start())}")
        operators += len(_OPERATOR.findall(token[0]))
        if operators > MAX_OPERATORS:
            at = _line(text, token.start())
            raise _broken(path, f"has more than {MAX_OPERATORS} operators in one policy at line {at}")
        if declared > MAX_DECLARED:
            raise _broken(path, f"declares more than fits into {MAX_DECLARED} words")


def _line(text: str, offset: int) -> int:
    return 1 + text.count("\n", 0, offset)


def _read(path: Path) -> bytes:
    try:
        data = read_regular(path, MAX_FILE_BYTES + 1)
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
