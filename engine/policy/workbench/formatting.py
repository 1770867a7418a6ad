"""Cedar's own formatter, held to what it must not change: the policies, their order, and every comment.

The style is that of `cedar format` with its defaults, so that both tools can be used on the same files.
"""

import difflib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cedarpy import format_policies, policies_to_pst, pst

from engine.errors import PolicyError
from engine.policy.source import MAX_FILE_BYTES

_TOKEN: Final = re.compile(r'//(?P<comment>[^\n]*)|"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Formatted:
    """A policy file, as it is and as the formatter writes it.

    Attributes:
        path: the file.
        before: its text.
        after: the text it should have.
    """

    path: Path
    before: str
    after: str

    @property
    def changes(self) -> bool:
        """Whether the formatter would write the file differently."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        before, after = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        return "".join(difflib.unified_diff(before, after, self.path.name, self.path.name))

    def write(self) -> None:
        """Replace the file: whole, or not at all, with the permissions it had."""
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8", newline="") as file:
            made = Path(file.name)
            try:
                file.write(self.after)
                file.flush()
                os.fsync(file.fileno())
                made.chmod(self.path.stat().st_mode & 0o777)
                made.replace(self.path)
            except BaseException:
                made.unlink(missing_ok=True)
                raise


def formatted_folder(folder: Path) -> tuple[Formatted, ...]:
    """Format every `.cedar` file of a folder, by name; nothing is written.

    Raises:
        PolicyError: there is none, one cannot be read or parsed, or the formatter would change what it says.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".cedar") if folder.is_dir() else []
    if not paths:
        raise PolicyError(f"{folder} has no file ending in .cedar", remedy="Name a folder of policies.")
    return tuple(format_file(path) for path in paths)


def format_file(path: Path) -> Formatted:
    """Format one file; nothing is written.

    Raises:
        PolicyError: as `formatted_folder`.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}", remedy="Mend the file.") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: byte {error.start} is not UTF-8", remedy="Mend the file.") from None
    if len(data) > MAX_FILE_BYTES:
        raise PolicyError(f"{path} has more than {MAX_FILE_BYTES} bytes", remedy="Cut the file into several.")
    return Formatted(path, text, _formatted(path, text))


def _formatted(path: Path, text: str) -> str:
    try:
        before = _policies(text)
        after = f"{format_policies(text).strip()}\n"
        kept = _policies(after) == before and _comments(after) == _comments(text)
    except ValueError as error:
        remedy = "Mend its syntax; 'lading policy check' names line and column."
        raise PolicyError(f"{path} cannot be formatted: {error}", remedy=remedy) from None
    if not kept:
        raise PolicyError(
            f"{path} is not formatted: the formatter would change a policy or lose a comment",
            remedy="Move the comment to a line of its own, and try again.",
        )
    return after


def _policies(text: str) -> list[pst.Template]:
    parsed = policies_to_pst(text)
    return [*parsed.static_policies.values(), *parsed.templates.values()]


def _comments(text: str) -> list[str]:
    found = (match["comment"] for match in _TOKEN.finditer(text))
    return [comment.strip() for comment in found if comment is not None]
