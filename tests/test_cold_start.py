"""`lading --help` answers at once: no command loads a heavy library before it needs one."""

import subprocess
import sys

import pytest

HEAVY = ("sigstore", "textual", "cedarpy", "sqlalchemy", "aiohttp", "pydantic", "cryptography")
PROBE = f"""
import sys
from engine.cli import main
sys.argv = ["lading", *sys.argv[1:]]
try:
    main()
finally:
    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["send", "--help"], ["audit", "verify", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
