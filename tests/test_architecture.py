"""The house keeps its order: rooms import downward only, each outside library has one home, nothing grows too large."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("engine/**/*.py"), *ROOT.glob("tui/**/*.py")])
ROOMS = sorted(path for path in ROOT.glob("engine/*/__init__.py"))
MOST_LINES = 400
LONGEST_FUNCTION = 60


def test_every_import_contract_holds() -> None:
    lint = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.parent.name)
def test_every_room_says_what_it_is_for(room: Path) -> None:
    said = ast.get_docstring(ast.parse(room.read_text(encoding="utf-8")))

    assert said


def test_no_file_is_longer_than_a_reader_bears() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}

    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_no_function_is_longer_than_a_reader_bears() -> None:
    assert [found for path in SOURCES for found in _too_long(path)] == []


def _too_long(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines"
