"""The forks that a third party's witness found: `forks/<id>.json` in its folder, each once, and so many of each log.

INVARIANT: what one log's operator does takes no other log's room: whoever signs a thousand contradictions has proved
only once more what the first one proved, and must not be able to keep the next log's from being kept.
"""

import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.audit.fork import Fork
from engine.errors import InputError
from engine.files import write_atomic
from engine.gateway.checkpoints import read_fork

MOST_FORKS: Final = 100
"""How many forks of one log are kept, the first ones."""


class FoundForks:
    """The forks in a folder. Threads may share it; no two processes may add to it.

    Args:
        path: the folder; made by the first `keep`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._of_log: Counter[str] | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the files of the forks that are kept, sorted."""
        return tuple(sorted(self._path.glob("[!.]*.json")))

    def keep(self, fork: Fork) -> None:
        """Keep a fork, unless it is kept already or its log has `MOST_FORKS`.

        Raises:
            OSError: the file cannot be written.
        """
        path, origin = self._path / f"{fork.id}.json", fork.checkpoints[1].origin
        with self._lock:
            if self._of_log is None:
                self._of_log = self._count()
            if path.exists() or self._of_log[origin] >= MOST_FORKS:
                return
            write_atomic(path, fork.to_bytes())
            self._of_log[origin] += 1

    def _count(self) -> Counter[str]:
        """Return how many forks of each log are kept; a file that is none takes nobody's room."""
        found: Counter[str] = Counter()
        for path in self.files():
            with suppress(InputError):
                found[read_fork(path).checkpoints[1].origin] += 1
        return found
