"""Makes the examples of docs/formats/events.md: `python tests/golden/make_event_examples.py [FOLDER]`.

    docs/formats/events.examples.jsonl   an entry of every type, and of every set of fields that its payload may have

What is recorded comes from tests that play handoffs between real organizations: they are run, unless FOLDER has the
workspaces that an earlier run left (`pytest --basetemp=FOLDER tests/integration tests/unit/workspace`). Folders are
renamed, salt and key of pseudonyms are those of the test vectors, and leaf and commitment are made again over that; all
else is as it was recorded. An example that still is as the page says stays; remove its line to have it made anew.
"""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.audit.entry import OPTIONAL, Entry, parse_entry, seal  # noqa: E402 - the tests are no installed package
from engine.audit.schema import ENTRY_ROWS  # noqa: E402
from engine.errors import LadingError  # noqa: E402
from engine.events import Event  # noqa: E402
from tests.payloads import EXAMPLES, documented, objections  # noqa: E402

PSEUDONYM_KEY = bytes(range(0x40, 0x60))
SALT = bytes(range(32))
TESTS = ("tests/integration", "tests/unit/workspace")

Key = tuple[str, frozenset[str]]


def make(folder: Path) -> None:
    """Write an example of what has none, from the logs in a folder."""
    found = {key_of(each): each for each in kept() if not objections(each["leaf"]["type"], each["payload"])}
    for entry in sorted(recorded(folder), key=lambda each: len(str(each.payload))):
        seen = example(entry, folder)
        if not objections(entry.type, seen["payload"]):  # some tests record what no command does
            found.setdefault(key_of(seen), seen)
    lines = [json.dumps(found[key], ensure_ascii=False, sort_keys=True) for key in sorted(found, key=order)]
    EXAMPLES.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    missing = sorted(documented().keys() - {kind for kind, _ in found})
    sys.stdout.write(f"{len(lines)} examples in {EXAMPLES}; without one: {', '.join(missing) or 'none'}\n")


def play(folder: Path) -> None:
    """Run the tests that record something, and leave their workspaces in a folder."""
    run = [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--basetemp={folder}", *TESTS]
    subprocess.run(run, cwd=ROOT, check=False)


def kept() -> list[dict[str, Any]]:
    """Return the examples that are there."""
    return [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()] if EXAMPLES.exists() else []


def recorded(folder: Path) -> Iterator[Entry]:
    """Yield the entries of all logs in a folder; what a test damaged or erased is left out."""
    for path in sorted(folder.glob("**/state/audit*.db")):
        with suppress(sqlite3.Error, LadingError), closing(sqlite3.connect(path)) as log:
            yield from (entry for row in log.execute(ENTRY_ROWS) if (entry := parse_entry(row)).payload is not None)


def example(entry: Entry, folder: Path) -> dict[str, Any]:
    """Return an entry as an example: without this machine's folders, under the keys of the test vectors."""
    inside = re.compile(re.escape(str(folder)) + r"/(popen-gw\d+/)?[^/\"]+")
    payload = json.loads(inside.sub("/srv", json.dumps(entry.payload, ensure_ascii=False)))
    leaf, actor = entry.public, payload.pop("actor")
    attributes = {name: leaf[name] for name in OPTIONAL if name in leaf}
    event = Event(id=entry.id, type=entry.type, actor=actor, payload=payload, **attributes)
    made = seal(event, source=leaf["source"], time=entry.time, salt=SALT, pseudonym_key=PSEUDONYM_KEY)
    return {"leaf": dict(made.public), "payload": json.loads(made.payload), "salt": SALT.hex()}


def key_of(entry: dict[str, Any]) -> Key:
    """Return what tells examples apart: the type, and which fields the payload has."""
    return entry["leaf"]["type"], frozenset(entry["payload"])


def order(key: Key) -> tuple[str, list[str]]:
    """Return where an example stands in the file."""
    return key[0], sorted(key[1])


if __name__ == "__main__":
    with TemporaryDirectory(prefix="lading-events-") as scratch:
        played = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "played"
        if len(sys.argv) == 1:
            play(played)
        make(played)
