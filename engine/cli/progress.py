"""Progress of long work on standard error: one line, drawn only where a person watches."""

import sys
import time
from collections.abc import Callable
from typing import Any, Self

import click

from engine.text import counted

WIDTH = 30
REDRAW_SECONDS = 0.1


def size(count: int) -> str:
    """Write a number of bytes for people: `90.9 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the step between units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def number(count: int) -> str:
    """Write a number for people: `1,200`."""
    return f"{count:,}"


def entries(count: int) -> str:
    """Write a number of log entries for people: `1,200 entries`."""
    return counted(count, "entries")


class Bar:
    """A bar with rate and time left, fed with `{"step", "done", "total"}` reports; `amount` words what they count."""

    def __init__(self, label: str, *, enabled: bool, amount: Callable[[int], str] = size) -> None:
        self._label = label
        self._amount = amount
        self._enabled = enabled and sys.stderr.isatty()
        self._step = ""
        self._started = self._drawn = time.monotonic()
        self._first = 0

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        if self._enabled:
            click.echo("\r\x1b[K", nl=False, err=True)

    def update(self, report: dict[str, Any]) -> None:
        """Draw one report, at most ten times a second; a finished step stays on screen as its own line."""
        if not self._enabled:
            return
        now = time.monotonic()
        if report.get("step", self._label) != self._step:
            self._begin(report, now)
        elif now - self._drawn < REDRAW_SECONDS and report.get("done") != report.get("total"):
            return
        self._drawn = now
        click.echo(f"\r\x1b[K{self._line(report, now)}", nl=False, err=True)

    def _begin(self, report: dict[str, Any], now: float) -> None:
        self._step = report.get("step", self._label)
        self._started, self._first = now, report.get("done", 0)

    def _line(self, report: dict[str, Any], now: float) -> str:
        if not report.get("total"):
            return f"{self._step}  {report.get('detail', '')}"
        done, total = report["done"], report["total"]
        filled = WIDTH * done // total
        rate = (done - self._first) / max(now - self._started, 1e-3)
        left = f"{(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        bar = "━" * filled + "─" * (WIDTH - filled)
        how_far = f"{100 * done // total:>3}%  {self._amount(done)} of {self._amount(total)}"
        return f"{self._step:<9} {bar} {how_far}  {self._amount(int(rate))}/s  {left}"
