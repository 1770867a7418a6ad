"""Looking at forks: those kept in a workspace, and a file that somebody handed over. Needs no owner."""

from pathlib import Path

from engine.audit.fork import LIMIT, Fork, ForkKind, check_fork
from engine.audit.note import NoteKey
from engine.digest import JSON
from engine.errors import InputError
from engine.files import read_regular
from engine.gateway.checkpoints import read_fork
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings

MEANING = {
    ForkKind.SAME_SIZE: "the log signed two roots for one size: it has two histories",
    ForkKind.UNPROVEN: "the log did not show that one extends the other; a consistency proof would refute this",
}


def list_forks(home: Path) -> dict[str, JSON]:
    """Return every fork that is kept, resolved or not, sorted by id."""
    layout = Layout(home)
    load_settings(layout.settings)
    found: list[JSON] = []
    for path in sorted(layout.forks.glob("*.json")):
        if not path.name.startswith("."):
            resolved = path.with_suffix(".resolved").exists()
            found.append({"id": path.stem, "file": str(path), "resolved": resolved, **_describe(read_fork(path))})
    return {"forks": found}


def check_file(home: Path, file: Path, vkeys: tuple[str, ...]) -> dict[str, JSON]:
    """Verify a fork file under the given keys, or under those pinned in the workspace `home` if none is given.

    Raises:
        InputError: it is no fork file.
        BadSignature: the log's key did not sign both checkpoints.
    """
    data = read_regular(file, LIMIT + 1)
    if len(data) > LIMIT:
        raise InputError(f"{file} has more than {LIMIT} bytes", remedy="Name a fork file.")
    keys = [NoteKey.parse(vkey) for vkey in vkeys]
    if not keys:
        trust = TrustFolder(Layout(home).trust)
        keys = [NoteKey.parse(vkey) for org in trust.partners() for vkey in trust.partner(org).log_keys]
    return _describe(check_fork(data, keys))


def _describe(fork: Fork) -> dict[str, JSON]:
    known, shown = fork.checkpoints
    return {
        "kind": str(fork.kind),
        "meaning": MEANING[fork.kind],
        "origin": shown.origin,
        "known": {"size": known.size, "root": known.root.hex()},
        "shown": {"size": shown.size, "root": shown.root.hex()},
    }
