"""The demo's stage: plays steps, times them, shows them, and remembers which did not go as they must."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.errors import LadingError


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story: whether it went as it must, how many seconds it took, what it showed."""

    name: str
    ok: bool
    seconds: float
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON values."""
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 3), "detail": self.detail}


class Missed(Exception):  # noqa: N818 - a step that did not show what it must
    """What a step expected and did not find."""


@dataclass(slots=True)
class Stage:
    """Plays steps one after the other; the first that goes wrong ends the story.

    Attributes:
        say: shows a line to whoever watches.
        steps: what was played.
    """

    say: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True while every step went as it must."""
        return all(step.ok for step in self.steps)

    def play(self, name: str, act: Callable[[], str]) -> None:
        """Play a step, unless one before it went wrong. `act` returns what it showed."""
        if not self.ok:
            return
        started = time.monotonic()
        try:
            detail, ok = act(), True
        except Missed as missed:
            detail, ok = str(missed), False
        except LadingError as error:
            detail, ok = f"{error} ({error.remedy})", False
        self.add(Step(name, ok, time.monotonic() - started, detail))

    def add(self, step: Step) -> None:
        """Add a step that was played elsewhere, and show it."""
        self.steps.append(step)
        first, *rest = step.detail.split("\n")
        self.say(f"{'✔' if step.ok else '✘'} {step.name:<24} {step.seconds:>6.2f} s  {first}")
        for line in rest:
            self.say(f"  {'':<24} {'':>6}    {line}")


def expect(condition: object, otherwise: str) -> None:
    """Go on only if something holds.

    Raises:
        Missed: it does not; `otherwise` says what was found.
    """
    if not condition:
        raise Missed(otherwise)
