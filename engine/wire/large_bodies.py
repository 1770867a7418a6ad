"""Room for large bodies in the owner: few at once, so that partners together cannot fill its memory.

INVARIANT: a peer has at most one large body here, all together have at most `ROOM` bytes, and one at a time is worked
on. A place is taken before a byte of the body is read, and given back once nothing works on it any more.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from engine.wire.problem import ProblemError
from engine.wire.routes import OFFER_LIMIT

LARGE: Final = 128 << 10
"""From how many bytes on a body is large."""
ROOM: Final = 4 * OFFER_LIMIT


class LargeBodies:
    """The large bodies that are here. For the handlers of one event loop."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._turn = asyncio.Lock()

    @contextmanager
    def room(self, peer: str, size: int) -> Iterator[None]:
        """Have room for a body of `size` bytes.

        Raises:
            ProblemError: 503, there is none now.
        """
        if size < LARGE:
            yield
            return
        if peer in self._sizes or sum(self._sizes.values()) + size > ROOM:
            raise ProblemError(
                503, "Too much at once", codes=("busy",), remedy="Send one large offer after the other, or wait."
            )
        self._sizes[peer] = size
        try:
            yield
        finally:
            del self._sizes[peer]

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Wait until a body of `size` bytes may be worked on."""
        if size < LARGE:
            yield
            return
        async with self._turn:
            yield
