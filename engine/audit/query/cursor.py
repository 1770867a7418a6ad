"""Where a page ended: an opaque text, bound to its filter, its log, and the log's size at the first page.

It is base64url of canonical JSON. Whoever edits one gets other pages of the same log, and nothing else.
"""

import base64
import binascii
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from engine.digest import canonical, parse_json, sha256
from engine.errors import InputError, LadingError

_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two pages.

    Attributes:
        filter: SHA-256 of the filter's text and the log's origin.
        now: the moment that relative times are counted from, RFC 3339.
        size: entries that the log had at the first page.
        newest_first: the order.
        next: the index to go on from.
    """

    filter: str
    now: str
    size: int
    newest_first: bool
    next: int

    def text(self) -> str:
        """Return the cursor as it is handed out."""
        return base64.urlsafe_b64encode(canonical(asdict(self))).rstrip(b"=").decode()

    @property
    def moment(self) -> datetime:
        """The moment that relative times are counted from."""
        return datetime.fromisoformat(self.now)


def bound(text: str, origin: str) -> str:
    """Return what binds a cursor to a filter and a log."""
    return sha256(canonical([text, origin]))


def read_cursor(text: str, *, filter_text: str, origin: str, size: int) -> Cursor:
    """Read a cursor that was handed out for a filter.

    Args:
        text: the cursor.
        filter_text: the filter that it is used with.
        origin: the log's origin.
        size: how many entries the log has now.

    Raises:
        InputError: it is no cursor, another filter's or log's, or of a log that was longer than this one.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = parse_json(data, what="the cursor", limit=_LIMIT)
        cursor = Cursor(**found)  # type: ignore[arg-type]
        types = (cursor.filter, cursor.now, cursor.size, cursor.newest_first, cursor.next)
        if tuple(map(type, types)) != (str, str, int, bool, int) or cursor.moment.tzinfo is None:
            raise _refused("it is none that was handed out")
    except (ValueError, TypeError, binascii.Error, LadingError):
        raise _refused("it is none that was handed out") from None
    if cursor.filter != bound(filter_text, origin):
        raise _refused("it belongs to another filter or another log")
    if not -1 <= cursor.next <= cursor.size <= size:
        raise _refused(f"the log had {cursor.size} entries at its first page, now it has {size}")
    return cursor


def _refused(why: str) -> InputError:
    return InputError(
        f"the cursor cannot be used: {why}",
        remedy="Give the filter and the cursor that stood under the last page, or begin again without a cursor.",
    )
