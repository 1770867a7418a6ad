"""Numbers and nouns agree, in every line that people read."""

import re
from pathlib import Path

import pytest

from engine.text import agreeing, counted

ROOT = Path(__file__).parents[2]
SHOWN = sorted([*(ROOT / "engine" / "cli").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])
NOUNS = (
    "entries|rows|files|decisions|checkpoints|tiles|chunks|policies|cases|mutants|identities|indexes|transfers|steps"
)
ALWAYS_MANY = re.compile(rf"(?<!of )\{{[^{{}}]+\}} (?:{NOUNS})\b")


@pytest.mark.parametrize(
    ("nouns", "one", "many"),
    [
        ("entries", "1 entry", "2 entries"),
        ("policies", "1 policy", "2 policies"),
        ("indexes", "1 index", "2 indexes"),
        ("files", "1 file", "2 files"),
        ("earlier checkpoints", "1 earlier checkpoint", "2 earlier checkpoints"),
    ],
)
def test_a_number_has_its_noun_in_the_right_form(nouns: str, one: str, many: str) -> None:
    assert (counted(1, nouns), counted(2, nouns)) == (one, many)
    assert (counted(0, nouns), counted(1200, nouns)) == (f"0 {nouns}", f"1,200 {nouns}")


@pytest.mark.parametrize(("many", "one"), [("are", "is"), ("hold", "holds"), ("differ", "differs")])
def test_a_verb_agrees_with_what_is_counted(many: str, one: str) -> None:
    assert [agreeing(count, many) for count in (0, 1, 2)] == [many, one, many]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_for_people_counts_one_as_many(path: Path) -> None:
    """`1 of 3 files` reads well; `1 files` does not: `engine.text.counted` says it."""
    assert ALWAYS_MANY.findall(path.read_text(encoding="utf-8")) == []
