"""Policies and people cite codes: each one that a check can report is explained in docs/formats/findings.md."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = [
    *(ROOT / "engine" / "checks").glob("*.py"),
    ROOT / "engine" / "agreement" / "binding.py",
    ROOT / "engine" / "manifest" / "verify.py",
    ROOT / "engine" / "manifest" / "walk.py",
]
SUBJECTS = {"model-signature", "manifest-attestation"}


def codes_in(source: Path) -> set[str]:
    """Every constant that is written as codes are."""
    constants = (
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in constants if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)}


def test_every_code_is_explained() -> None:
    explained = set(
        re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/formats/findings.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    reported = set().union(*map(codes_in, SOURCES)) - SUBJECTS
    assert len(reported) > 20
    assert reported <= explained
