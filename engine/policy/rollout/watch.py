"""Watching a policy folder: whatever changes in it is looked at, a moment after the last of a row of changes."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.errors import LadingError
from engine.policy.rollout.store import Candidate

logger = logging.getLogger("lading.policy")

SETTLE_MILLISECONDS: Final = 100
STOP_SECONDS: Final = 30.0
LOOK_MILLISECONDS: Final = 2000
"""How often the folder is looked at without being told: a folder that was moved away tells nothing."""


class FolderWatch:
    """Looks at a policy folder whenever it changes, in a thread of its own.

    Args:
        folder: the policy folder.
        see: takes notice of the folder; returns the candidate it is, or None if it is what decides.
        told: called with each candidate that was not there before, and with each failure in words.
    """

    def __init__(
        self, folder: Path, see: Callable[[], Candidate | None], told: Callable[[Candidate | str | None], None]
    ) -> None:
        self._folder = folder
        self._see = see
        self._told = told
        self._last: object = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="policies", daemon=True)

    def start(self) -> None:
        """Begin; what changed while nobody looked is seen at once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the look that is being taken, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()
            try:
                self._follow()
            except OSError as error:
                self._tell(f"{self._folder} cannot be watched: {error.strerror or error}")
                self._stop.wait(LOOK_MILLISECONDS / 1000)

    def _follow(self) -> None:
        """Look after every change until the folder is another one, or is gone."""
        from watchfiles import watch

        followed = self._folder.stat().st_ino
        for _ in watch(
            self._folder,
            watch_filter=None,
            debounce=SETTLE_MILLISECONDS,
            step=SETTLE_MILLISECONDS // 2,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
        ):
            self._look()
            if self._folder.stat().st_ino != followed:
                return

    def _look(self) -> None:
        try:
            found = self._see()
        except LadingError as error:
            self._tell(f"{error} ({error.remedy})")
        except Exception:
            # INVARIANT: whatever a folder holds, the watch goes on and the active bundle stays.
            logger.exception("the policy folder %s could not be examined", self._folder)
        else:
            self._tell(found)

    def _tell(self, what: Candidate | str | None) -> None:
        news = (what.digest, what.state, what.report.get("gate")) if isinstance(what, Candidate) else what
        if news != self._last:
            self._last = news
            self._told(what)
