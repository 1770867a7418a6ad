"""Traffic for `lading demo --stay`: small handoffs every few seconds, and one that waits for an approval."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.demo.model import make_model
from engine.demo.organizations import Organization
from engine.errors import LadingError

SIZE: Final = 8 << 20
EVERY_SECONDS: Final = 5.0
RATE_MIB: Final = 2.0


def keep_busy(
    acme: Organization, borealis: Organization, agreement: str, folder: Path, say: Callable[[str], None]
) -> None:
    """Hand over small models until Ctrl-C; the first one is confidential, and waits for a second person."""
    say("traffic runs until Ctrl-C; one transfer waits for an approval: approve it with")
    number = 0
    try:
        while True:
            number += 1
            _hand_over(acme, borealis, agreement, folder, number, say)
            time.sleep(EVERY_SECONDS)
    except KeyboardInterrupt:
        say("stopping both gateways")


def _hand_over(
    acme: Organization, borealis: Organization, agreement: str, folder: Path, number: int, say: Callable[[str], None]
) -> None:
    confidential = number == 1
    name = "confidential" if confidential else f"traffic-{os.getpid()}-{number}"
    source = make_model(folder / "traffic" / name, size=SIZE).folder
    described = {"path": str(source), "name": name, "version": "1"}
    order = {"partner": borealis.id, "agreement": agreement, "purpose": "evaluation", "rate_limit": RATE_MIB}
    try:
        packed = acme.ask("artifact.pack", described | ({"sensitivity": "confidential"} if confidential else {}))
        sent = acme.ask("transfer.send", order | {"artifact": packed["root"]})
    except LadingError as error:
        say(f"traffic: {error}")
        return
    if confidential:
        say(f"  lading -C {acme.home} --as abe approval grant {sent['id']} --reason 'seen'")
