"""This organization's logs, to be read: the one that is written now, and former ones, kept as `state/audit-<n>.db`.

A transfer's entries stay in the log they were recorded in, so whoever asks for them asks for their log first.
"""

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from engine.audit.continuation import number_of
from engine.audit.reader import LogReader
from engine.errors import LadingError
from engine.workspace.layout import Layout

logger = logging.getLogger("lading.workspace")


class Logs:
    """The current log and the former ones. Threads may share it.

    Args:
        layout: where the former logs are kept; one that is gone or cannot be read is passed over.
        origins: of all logs, as the trust document lists them.
        current: the log that is written now.
    """

    def __init__(self, layout: Layout, origins: Iterable[str], current: LogReader) -> None:
        self._open = ExitStack()
        self._current = current
        self._readers = {number_of(current.origin): current}
        for number in sorted({number_of(origin) or 0 for origin in origins}, reverse=True):
            path = layout.former_log(number)
            if number not in self._readers and path.exists():
                try:
                    self._readers[number] = self._open.enter_context(LogReader(path))
                except LadingError as error:
                    logger.warning("the former log %s cannot be read: %s", path, error)

    def about(self, transfer: str) -> LogReader:
        """Return the log that a transfer began in; the current one if none knows it.

        Raises:
            LogTampered: a row of it is damaged.
        """
        known = [reader for reader in self._readers.values() if reader.of_transfer(transfer)]
        return known[-1] if known else self._current

    @property
    def all(self) -> tuple[LogReader, ...]:
        """Every log that can be read, the newest first."""
        return tuple(
            self._readers[number] for number in sorted(self._readers, key=lambda each: each or 0, reverse=True)
        )

    def later(self, log: LogReader) -> tuple[LogReader, ...]:
        """Return the logs that follow one of these, the newest first; none for the one that is written now."""
        return self.all[: self.all.index(log)]

    def numbered(self, number: int) -> LogReader | None:
        """Return the log with a number at the end of its origin; None if it is not here."""
        return self._readers.get(number)

    def __enter__(self) -> Self:
        """Return them, the former ones to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the former logs; whoever opened the current one closes it."""
        self._open.close()
