"""Draws the pictures of the documentation from a real run: `lading demo --keep DIR`, then `make.py DIR`."""

import asyncio
import os
import re
import sys
from pathlib import Path

from engine.events import system_clock
from tui.app import LadingApp

SIZE = (110, 26)
HERE = Path(__file__).parent
PICTURES = {"transfers": ("enter",), "audit": ("5",)}
SETTLED_SECONDS = 2.0


async def draw(home: Path, name: str, keys: tuple[str, ...]) -> None:
    """Draw one mode of the terminal UI on a workspace."""
    app = LadingApp(home, system_clock, dict(os.environ))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*keys)
        await pilot.pause(SETTLED_SECONDS)
        drawn = re.sub(r"@font-face {.*?}\s*", "", app.export_screenshot(title="lading tui"), flags=re.DOTALL)
    (HERE / f"{name}.svg").write_text(drawn, encoding="utf-8")


async def main(demo: Path) -> None:
    """Draw every picture."""
    for name, keys in PICTURES.items():
        await draw(demo / "borealis.example", name, keys)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).absolute()))
