"""What a listener refused, on its way to the owner: a listener has no log, and no key to sign one with.

    POST /refusals    {"refusals":[{"cause":"digest-mismatch","count":3,"transfer":"tr-…","why":"…"}]}    answered 204

They are counted by cause and transfer, and told together, so that whoever is refused a thousand times a second costs
the owner one request per `PAUSE_SECONDS`. Listeners pass nothing on to this path: only they themselves ask it.
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import aiohttp

from engine.wire.problem import shown
from engine.wire.routes import MOST_REFUSALS, REFUSALS_PATH, WHY_LIMIT

PAUSE_SECONDS: Final = 1.0
OWNER_SECONDS: Final = 10.0
"""How long the owner may take to record what it is told."""

_LOG: Final = logging.getLogger("lading.wire")
_NO_CONTENT: Final = 204
_FAILED: Final = 500


@dataclass(slots=True)
class _Tally:
    """How often something was refused, and what was found the first time."""

    count: int
    why: str


class Refusals:
    """Counts what one listener refused until its owner knows. For one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str | None], _Tally] = {}
        self._news = asyncio.Event()

    def note(self, cause: str, why: str, *, transfer: str | None = None) -> None:
        """Count one refusal.

        Args:
            cause: why, one of a few words.
            why: what was found this time.
            transfer: the admitted transfer it is about, if any.
        """
        self._add((cause, transfer), _Tally(1, shown(why)[:WHY_LIMIT]))

    async def keep_telling(self, owner: aiohttp.ClientSession) -> None:
        """Tell the owner whatever is noted, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            await self.tell(owner)

    async def tell(self, owner: aiohttp.ClientSession) -> None:
        """Tell the owner what was noted so far. What it does not take is kept for the next time."""
        told = dict(islice(self._waiting.items(), MOST_REFUSALS))
        for key in told:
            del self._waiting[key]
        if not self._waiting:
            self._news.clear()
        taken = not told
        try:
            taken = taken or await _takes(owner, [_described(*key, tally) for key, tally in told.items()])
        finally:
            if not taken:
                for key, tally in told.items():
                    self._add(key, tally)

    def _add(self, key: tuple[str, str | None], tally: _Tally) -> None:
        known = self._waiting.setdefault(key, _Tally(0, tally.why))
        known.count += tally.count
        self._news.set()


def _described(cause: str, transfer: str | None, tally: _Tally) -> dict[str, Any]:
    return {"cause": cause, "count": tally.count, "transfer": transfer, "why": tally.why}


async def _takes(owner: aiohttp.ClientSession, refusals: list[dict[str, Any]]) -> bool:
    url, limit = f"http://owner{REFUSALS_PATH}", aiohttp.ClientTimeout(total=OWNER_SECONDS)
    try:
        async with owner.post(url, data=json.dumps({"refusals": refusals}), timeout=limit) as answer:
            if answer.status != _NO_CONTENT:
                _LOG.warning("the owner does not record what was refused: it answers %d", answer.status)
            return answer.status < _FAILED  # a request that it cannot read is no better the next time
    except (aiohttp.ClientError, OSError) as error:
        _LOG.warning("the owner does not hear what was refused: %s", error)
        return False
