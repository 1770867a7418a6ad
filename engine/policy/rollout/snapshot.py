"""The files of a policy folder at one moment, read once and kept whole.

What decides (schema and policies) gives the snapshot its digest, as `PolicySource.digest` has it. What only judges
(suites, `bundle.toml`) is carried along.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

from engine.digest import canonical, sha256
from engine.errors import PolicyError
from engine.files import read_regular

MAX_FILE_BYTES: Final = 4 << 20
MAX_FILES: Final = 4000
MAX_SNAPSHOT_BYTES: Final = 64 << 20

_DECIDES: Final = frozenset({".cedar", ".cedarschema"})
_JUDGES: Final = frozenset({".yaml", ".yml", ".json", ".toml"})
_REMEDY: Final = "Leave only policies, the schema, bundle.toml and tests in the policy folder, and try again."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files by their path below the folder, as text.

    Attributes:
        files: every file that decides or judges; paths are relative, with `/`.
        digest: names what decides; the bundle's digest if it loads.
        gate: names what judges it: SHA-256 of the canonical JSON list of `{path, sha256}` of all other files.
    """

    files: Mapping[str, str]
    digest: str
    gate: str

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Self:
        """Name files by what they say."""
        decides = {path: text for path, text in files.items() if Path(path).suffix.lower() in _DECIDES}
        judges = {path: text for path, text in files.items() if path not in decides}
        return cls(dict(sorted(files.items())), _digest(decides), _digest(judges))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder.

        Raises:
            PolicyError: a file vanished meanwhile, cannot be read, is no UTF-8 or too large, or there are too many.
        """
        try:
            paths = sorted(islice(_paths(folder), MAX_FILES + 1))
            if len(paths) > MAX_FILES:
                raise _refused(f"{folder} has more than {MAX_FILES} files, expected at most so many")
            files: dict[str, str] = {}
            size = 0
            for path in paths:
                files[path.relative_to(folder).as_posix()] = text = _text(path)
                size += len(text)
                if size > MAX_SNAPSHOT_BYTES:
                    raise _refused(f"{folder} has more than {MAX_SNAPSHOT_BYTES} bytes, expected at most so many")
            return cls.of(files)
        except FileNotFoundError as error:
            raise _refused(f"{error.filename} vanished while it was read") from None
        except OSError as error:
            raise _refused(f"{error.filename or folder} cannot be read: {error.strerror}") from None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take up what `write` wrote."""
        return cls.of(json.loads(data))

    def write(self) -> bytes:
        """Return the files as canonical JSON: an object of texts by path."""
        return canonical(self.files)

    @contextmanager
    def unfolded(self) -> Iterator[Path]:
        """Give the files a folder of their own, inside the block."""
        with tempfile.TemporaryDirectory(prefix="lading-policies-") as name:
            folder = Path(name)
            for path, text in self.files.items():
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8", newline="")
            yield folder


def _paths(folder: Path) -> Iterator[Path]:
    """Yield the files that decide or judge; hidden ones are an editor's own affair."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in _DECIDES | _JUDGES and not path.is_dir():
            yield path


def _text(path: Path) -> str:
    data = read_regular(path, MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _refused(f"{path} has more than {MAX_FILE_BYTES} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"{path}: byte {error.start} is not UTF-8") from None


def _digest(files: Mapping[str, str]) -> str:
    return sha256(canonical([{"path": path, "sha256": sha256(files[path].encode())} for path in sorted(files)]))


def _refused(why: str) -> PolicyError:
    return PolicyError(why, remedy=_REMEDY)
