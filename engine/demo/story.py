"""The story of `lading demo`: one real handoff with a killed receiver, then three attempts to cheat."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.demo.cheating import alter_log, alter_model, send_too_late
from engine.demo.handoff import Handoff
from engine.demo.model import fetch_model, own_model
from engine.demo.organizations import Organization
from engine.demo.stage import Stage
from engine.demo.traffic import keep_busy
from engine.errors import UsageError

PEOPLE = {
    "acme.example": {"ada": "administrator, operator, auditor", "abe": "approver, auditor"},
    "borealis.example": {"bea": "administrator, operator, auditor"},
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for.

    Attributes:
        keep: where to keep the workspaces; None for a temporary folder that is removed.
        model: a model folder of the user's; None for the pinned one.
        stay: keep the gateways running with traffic until Ctrl-C.
    """

    keep: Path | None
    model: Path | None
    stay: bool


def play(options: Options, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Play the story and return what it showed, JSON values; `closing` says in words how to go on."""
    with _folder(options.keep) as folder, _interruptible():
        acme = Organization("acme.example", "Acme", "EU", folder / "acme.example", PEOPLE["acme.example"])
        borealis = Organization(
            "borealis.example", "Borealis", "US", folder / "borealis.example", PEOPLE["borealis.example"]
        )
        stage = Stage(say)
        handoff = Handoff(acme, borealis, folder)
        try:
            _perform(stage, handoff, options)
            outcome = _outcome(stage, handoff, options)
            if options.stay and stage.ok:
                say(outcome["closing"])
                keep_busy(acme, borealis, handoff.agreement, folder, say)
            return outcome
        finally:
            for organization in (acme, borealis):
                organization.stop()


def _perform(stage: Stage, handoff: Handoff, options: Options) -> None:
    """Set the stage, hand over, then try to cheat."""
    folder = handoff.folder
    stage.play("model", lambda: _get_model(handoff, options))
    stage.play("two organizations", handoff.found)
    stage.play("partners", handoff.make_partners)
    stage.play("agreement", handoff.agree)
    stage.play("pack and sign", handoff.pack)
    if stage.ok:
        handoff.send(stage)
    stage.play("logs", handoff.verify_logs)
    stage.play("bill of lading", handoff.make_bill)
    stage.play("bill, pinned trust only", handoff.verify_bill)
    stage.play("cheat: after the end", lambda: send_too_late(handoff))
    stage.play("cheat: one byte", lambda: alter_model(handoff, folder / "exported"))
    stage.play("cheat: one log row", lambda: alter_log(handoff.borealis))


def _get_model(handoff: Handoff, options: Options) -> str:
    handoff.model = own_model(options.model) if options.model else fetch_model(handoff.folder / "model")
    return handoff.model.origin


def _outcome(stage: Stage, handoff: Handoff, options: Options) -> dict[str, Any]:
    return {
        "ok": stage.ok,
        "steps": [step.to_json() for step in stage.steps],
        "artifact": handoff.root,
        "transfer": handoff.transfer,
        "bill": str(handoff.bill) if handoff.bill else None,
        "workspaces": {each.id: str(each.home) for each in (handoff.acme, handoff.borealis)},
        "closing": _closing(stage, handoff, options),
    }


def _closing(stage: Stage, handoff: Handoff, options: Options) -> str:
    good = sum(step.ok for step in stage.steps)
    total = sum(step.seconds for step in stage.steps if not step.name.startswith(" "))
    lines = ["", f"{good} of {len(stage.steps)} steps went as they must, in {total:.1f} s"]
    if options.keep or options.stay:
        lines += [
            "Look around:",
            f"  lading -C {handoff.borealis.home} tui",
            f"  lading -C {handoff.acme.home} audit show",
        ]
    else:
        lines += ["Look around next time: 'lading demo --keep DIR', then 'lading -C DIR/borealis.example tui'"]
    return "\n".join(lines)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the story like Ctrl-C does, and Ctrl-C even where a shell started us with it ignored.

    Otherwise gateways would be left behind.
    """
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Return the folder to play in. A kept one must not hold another demo."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lading-demo-") as scratch:
            yield Path(scratch)
        return
    if keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty", remedy="Name a new folder, or remove this one first.")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep
