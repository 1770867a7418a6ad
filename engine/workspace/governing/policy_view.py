"""The policies of a workspace as a screen sees them: what decides, what waits to, the folder, and past activations.

Read from the policy database and the policy folder, without Cedar and without their owner. Columns that another
release does not have are empty.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from engine.errors import PolicyError
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.source import split
from engine.workspace.followed import FollowedDatabase, count, moment, text
from engine.workspace.governing.report import ReportView, read_report
from engine.workspace.layout import Layout

SHOWN: Final = 200
"""How many activations and candidates a screen gets: the newest."""

BUNDLES_KEPT: Final = 16

_ID: Final = re.compile(r'//[^\n]*|@id\s*\(\s*"(?P<id>[a-z0-9-]+)"\s*\)|"(?:[^"\\]|\\.)*"')


class Change(StrEnum):
    """How a file of the folder stands to the bundle that decides."""

    SAME = "same"
    CHANGED = "changed"
    NEW = "new"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A file of the policy folder, or one that only the active bundle has.

    Attributes:
        path: relative to the folder, with `/`.
        body: its text; of a removed file, the text it had.
        change: how it stands to the active bundle.
    """

    path: str
    body: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFolder:
    """The policy folder as it is now, beside the active bundle.

    Attributes:
        digest: of the bundle that its files are; empty while there is no folder.
        files: the schema and policies by name, then what only judges.
        problem: why it cannot be read, or empty.
    """

    digest: str = ""
    files: tuple[PolicyFile, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlace:
    """Where a policy stands in the bundle that decided.

    Attributes:
        file: the file's path.
        line: the one-based line its first annotation or keyword stands on.
        start: the line `body` begins on: comments right above belong to it.
        body: the policy as it is written, with these comments.
    """

    file: str
    line: int
    start: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """A bundle that may come to decide.

    Attributes:
        digest: of the bundle.
        base: of the bundle it was examined against.
        author: who proposed it; empty while nobody has.
        state: `broken`, `failing`, `ready`, `proposed`, `approved`, `superseded`, `withdrawn`; or another word.
        reason: what its author says it is for.
        report: what examining it found.
        shadow: who lets it decide in shadow; empty if nobody.
        updated: when anything of this last changed.
    """

    digest: str
    base: str
    author: str
    state: str
    reason: str
    report: ReportView
    shadow: str
    updated: datetime

    @property
    def waits(self) -> bool:
        """True while it waits for an approval."""
        return self.state == "proposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationView:
    """One time that a bundle came to decide; `approver` is empty where none was needed."""

    number: int
    digest: str
    previous: str
    kind: str
    author: str
    approver: str
    reason: str
    effect: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStanding:
    """What decided and what waits to, the newest first; the first activation is what decides."""

    activations: tuple[ActivationView, ...] = ()
    candidates: tuple[CandidateView, ...] = ()

    @property
    def active(self) -> ActivationView | None:
        """What decides now; None before the first activation."""
        return self.activations[0] if self.activations else None

    @property
    def waiting(self) -> tuple[CandidateView, ...]:
        """The candidates that wait for an approval."""
        return tuple(each for each in self.candidates if each.waits)


class PoliciesView:
    """The policies of a workspace.

    Methods raise `sqlite3.Error` when the database is there but cannot be read.
    """

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.policies
        self._database = FollowedDatabase(layout.policy_database)
        self._places: dict[str, Mapping[str, PolicyPlace]] = {}

    def version(self) -> tuple[object, ...]:
        """Return a value that changes whenever somebody wrote to the policy database (microseconds)."""
        return self._database.version()

    def standing(self) -> PolicyStanding:
        """Return what decides, what waits to, and what decided."""
        shadows = self._database.rows("SELECT * FROM shadow LIMIT ?", SHOWN, tables=("shadow",))
        shadowed = {text(row["digest"]): text(_column(row, "by")) for row in shadows}
        activations = self._database.rows(_ACTIVATIONS, SHOWN, tables=("activation",))
        candidates = self._database.rows(_CANDIDATES, SHOWN, tables=("candidate",))
        waiting = (each for row in candidates if (each := _candidate(row, shadowed)).state != "active")
        return PolicyStanding(
            activations=tuple(_activation(row) for row in activations if _column(row, "logged") != 0),
            candidates=tuple(sorted(waiting, key=lambda each: each.updated, reverse=True)),
        )

    def folder_version(self) -> tuple[object, ...]:
        """Return a value that changes whenever a file of the policy folder does (a look at each of them)."""
        try:
            found = [(path.as_posix(), path.stat()) for path in self._folder.rglob("*")]
        except OSError as error:
            return (str(error),)
        return tuple((path, status.st_ino, status.st_size, status.st_mtime_ns) for path, status in sorted(found))

    def folder(self) -> PolicyFolder:
        """Return the files of the policy folder, and those that only the active bundle has."""
        active = self.standing().active
        kept = self._files(active.digest) if active else {}
        try:
            snapshot = Snapshot.read(self._folder) if self._folder.is_dir() else None
        except (PolicyError, OSError) as error:
            return PolicyFolder(problem=str(error))
        found = dict(snapshot.files) if snapshot else {}
        paths = sorted(found.keys() | kept.keys(), key=lambda path: ("/" in path, path))
        files = (
            PolicyFile(path=path, body=found.get(path, kept.get(path, "")), change=_change(path, found, kept))
            for path in paths
        )
        return PolicyFolder(digest=snapshot.digest if snapshot else "", files=tuple(files))

    def place(self, bundle: str, policy: str) -> PolicyPlace | None:
        """Return where a policy stands in a bundle that decided; None if that bundle is not kept."""
        places = self._places.get(bundle)
        if places is None:
            places = _places(self._files(bundle))
            if places:  # a bundle that is not kept may come to be
                self._places[bundle] = places
            while len(self._places) > BUNDLES_KEPT:
                del self._places[next(iter(self._places))]
        return places.get(policy)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _files(self, digest: str) -> Mapping[str, str]:
        """Return the files of a bundle, if the database keeps those that its digest names."""
        rows = self._database.rows("SELECT files FROM bundle WHERE digest = ?", digest, tables=("bundle",))
        try:
            snapshot = Snapshot.parse(rows[0]["files"]) if rows else None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
        return snapshot.files if snapshot is not None and snapshot.digest == digest else {}


_ACTIVATIONS: Final = "SELECT * FROM activation ORDER BY rowid DESC LIMIT ?"
_CANDIDATES: Final = "SELECT * FROM candidate ORDER BY rowid DESC LIMIT ?"


def _places(files: Mapping[str, str]) -> dict[str, PolicyPlace]:
    """Return where each policy of a bundle stands, by its `@id`."""
    places: dict[str, PolicyPlace] = {}
    for path, body in files.items():
        for line, _, statement in split(body) if path.endswith(".cedar") else ():
            named = next((found["id"] for found in _ID.finditer(statement) if found["id"]), None)
            if named is not None:
                places.setdefault(named, _place(path, body, line, statement))
    return places


def _place(path: str, body: str, line: int, statement: str) -> PolicyPlace:
    lines = body.split("\n")
    start = line
    while start > 1 and lines[start - 2].lstrip().startswith("//"):
        start -= 1
    end = line + statement.count("\n")
    return PolicyPlace(file=path, line=line, start=start, body="\n".join(lines[start - 1 : end]))


def _change(path: str, found: Mapping[str, str], kept: Mapping[str, str]) -> Change:
    if path not in found:
        return Change.REMOVED
    if path not in kept:
        return Change.NEW
    return Change.SAME if found[path] == kept[path] else Change.CHANGED


def _column(row: Any, name: str) -> object:
    """Return a column that another release may not have."""
    return row[name] if name in row.keys() else None  # noqa: SIM118 - a row is no mapping


def _activation(row: Any) -> ActivationView:
    return ActivationView(
        number=count(_column(row, "number")),
        digest=text(_column(row, "digest")),
        previous=text(_column(row, "previous")),
        kind=text(_column(row, "kind")),
        author=text(_column(row, "author")),
        approver=text(_column(row, "approver")),
        reason=text(_column(row, "reason")),
        effect=text(_column(row, "effect")),
        at=moment(_column(row, "at")),
    )


def _candidate(row: Any, shadowed: Mapping[str, str]) -> CandidateView:
    digest, state = text(_column(row, "digest")), text(_column(row, "state"))
    return CandidateView(
        digest=digest,
        base=text(_column(row, "base")),
        author=text(_column(row, "author")),
        state="approved" if state == "proposed" and _column(row, "approval") is not None else state,
        reason=text(_column(row, "reason")),
        report=read_report(_column(row, "report")),
        shadow=shadowed.get(digest, ""),
        updated=moment(_column(row, "updated")),
    )
