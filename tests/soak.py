"""Long runs of the fault and fuzz tests, with their figures as a table: `make soak`.

    python -m tests.soak [--kills N] [--flips N] [--faults N] [--seconds N] [TARGET …]

A number of 0 leaves that run out. Whatever fails is told with its reason, the other runs go on, and the exit code is 1.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tests.faults.test_log_bit_flips import flip_bits, witnessed_log
from tests.faults.test_log_io_errors import can_trace, inject_faults
from tests.faults.test_log_kill import kill_appenders
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "build" / "fuzz"


def soak_kills(folder: Path, count: int) -> str:
    toll = kill_appenders(folder / "audit.db", count)
    return f"{len(toll.told):,} events acknowledged, {toll.repeated:,} asked again, 0 lost, 0 doubled"


def soak_flips(folder: Path, count: int) -> str:
    with witnessed_log(folder) as (acme, borealis):
        tally = flip_bits(acme, borealis, folder / "flipped", count)
    told = ", ".join(f"{tally[name]:,} {name}" for name in ("detected", "no effect", "undetected"))
    assert tally["undetected"] == 0, told
    return told


def soak_faults(folder: Path, count: int) -> str:
    if not can_trace():
        return "skipped: needs strace, and the right to trace a process"
    tally = inject_faults(folder, count, seed=11)
    told = ", ".join(f"{tally[name]:,} {name}" for name in ("kept", "refused", "not opened", "went on"))
    return f"{told}, 0 lost, 0 told before they were durable"


def fuzz(name: str, seconds: int, _: Path) -> str:
    """Fuzz a target in a process of its own, and return how many inputs it read."""
    if find_spec("atheris") is None:
        return "skipped: needs Atheris"
    findings = FINDINGS / name
    findings.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={findings}/", "-timeout=20"]
    with tempfile.TemporaryDirectory(prefix="lading-corpus-") as corpus:
        command = [sys.executable, "-m", "tests.fuzz.fuzz", name, corpus, *options]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, errors="replace")
    tried = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"[-4000:] + f"\nThe input lies in {findings}."
    assert tried is not None, done.stderr[-2000:]
    return f"{int(tried[1]):,} inputs, nothing but refusals in our own words"


def run(name: str, act: Callable[[Path], str]) -> bool:
    """Run one soak, print its row at once, and say whether it held."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lading-soak-") as folder:
        try:
            told, held = act(Path(folder)), True
        except Exception as error:  # noqa: BLE001 - whatever ends a run is its row, and the others go on
            told, held = f"FAILED: {type(error).__name__}: {error}", False
    print(f"{name:<36} {time.monotonic() - started:>6.0f} s  {told}", flush=True)  # noqa: T201 - a row of the table
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description="Long runs of the fault and fuzz tests.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=10, help="for each fuzz target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all if none is named")
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = asked.targets or list(TARGETS)
    counted = [
        ("kill -9, times", soak_kills, asked.kills),
        ("flipped bits", soak_flips, asked.flips),
        ("failing system calls", soak_faults, asked.faults),
    ]
    runs: list[tuple[str, Callable[[Path], str]]] = [
        *((f"{name}: {count:,}", partial(act, count=count)) for name, act, count in counted if count),
        *((f"fuzz {name}", partial(fuzz, name, asked.seconds)) for name in names if asked.seconds),
    ]
    held = [run(name, act) for name, act in runs]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
