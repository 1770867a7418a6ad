"""What a command does when nobody takes what it prints, or there is no terminal to paint."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

BOUND = 60.0

buffering = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])


def printing(output: "int | IO[bytes]", home: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a command as a process of its own; return its exit code and what it says on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "-C", str(home), *words],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        timeout=BOUND,
        check=False,
    )
    return done.returncode, done.stderr.decode()


@buffering
@pytest.mark.parametrize("words", [("audit", "export"), ("audit", "watch", "--since", "1h"), ("audit", "show")])
def test_a_command_that_nobody_reads_ends_silently_like_others(
    home: Path, words: tuple[str, ...], unbuffered: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert printing(writer, home, *words, PYTHONUNBUFFERED=unbuffered) == (141, "")
    finally:
        os.close(writer)


@buffering
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_disk_is_told_beside_the_output_that_it_does_not_take(
    home: Path, options: tuple[str, ...], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        code, said = printing(full, home, "audit", "show", *options, PYTHONUNBUFFERED=unbuffered)

    assert code == 1
    assert said.startswith("error: the system refused: No space left on device\nremedy: ")
    assert said.count("\n") == 2


def test_the_terminal_ui_paints_nothing_into_a_pipe(home: Path) -> None:
    code, said = printing(subprocess.DEVNULL, home, "tui")

    assert (code, said.split("\n")[0]) == (2, "error: the terminal UI needs a terminal")
