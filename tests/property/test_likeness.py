"""The shortcut of verification: whatever it lets pass, looking in full would have let pass, too."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.audit.entry import OPTIONAL
from engine.audit.likeness import Likeness
from engine.audit.verification import Verification
from engine.audit.verify import verify
from tests.unit.audit.conftest import Acme

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    ['a","b":"c', "\\", "\\u0041", '"', "%b", "%", "\x7f", "\u2028", "\N{SNOWMAN}", "x" * 300]
)
EVENTS = st.lists(st.dictionaries(st.sampled_from(OPTIONAL), TEXTS), min_size=1, max_size=6)
COLUMNS = ("id", "time", "type", "actor", *OPTIONAL)
EDITS = st.lists(st.tuples(st.sampled_from(COLUMNS), TEXTS | st.none()), min_size=1, max_size=3)
LEAF_EDITS = st.sampled_from(
    [
        ("leaf", "CAST(replace(CAST(leaf AS TEXT), ':', ': ') AS BLOB)"),
        ("leaf", "CAST(CAST(leaf AS TEXT) || ' ' AS BLOB)"),
        ("leaf", "CAST(replace(CAST(leaf AS TEXT), '1.0', '1.1') AS BLOB)"),
        ("leaf", "CAST(replace(CAST(leaf AS TEXT), 'acme', 'ac\\u006de') AS BLOB)"),
        ("leaf", "CAST(leaf || x'ff' AS BLOB)"),
    ]
)
RELAXED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def in_full() -> Iterator[None]:
    """Let no row pass by the shortcut."""
    with patch.object(Likeness, "holds", lambda *_: False):
        yield


def recorded(folder: Path, given_: list[dict[str, str]]) -> Acme:
    acme = Acme(folder)
    acme.path.unlink(missing_ok=True)
    with acme.open() as log:
        log.record_many([acme.event(number, **attributes) for number, attributes in enumerate(given_)])
    return acme


def judged(acme: Acme) -> Verification:
    return verify(acme.path, key=acme.key)


@RELAXED
@given(EVENTS)
def test_a_log_of_any_text_verifies_either_way(tmp_path: Path, given_: list[dict[str, str]]) -> None:
    acme = recorded(tmp_path, given_)

    assert judged(acme).problems == ()
    with in_full():
        assert judged(acme).problems == ()


@RELAXED
@given(EVENTS, EDITS)
def test_edited_columns_are_found_as_when_everything_is_looked_into(
    tmp_path: Path, given_: list[dict[str, str]], edits: list[tuple[str, str | None]]
) -> None:
    acme = recorded(tmp_path, given_)
    with sqlite3.connect(acme.path) as db:
        for column, value in edits:
            try:
                db.execute(f"UPDATE event SET {column} = ? WHERE idx = 0", (value,))  # noqa: S608 - our own names
            except sqlite3.IntegrityError:
                continue

    quick = judged(acme)
    with in_full():
        assert judged(acme).problems == quick.problems


@RELAXED
@given(EVENTS, LEAF_EDITS)
def test_edited_leaves_are_found_as_when_everything_is_looked_into(
    tmp_path: Path, given_: list[dict[str, str]], edit: tuple[str, str]
) -> None:
    acme = recorded(tmp_path, given_)
    acme.tamper(f"UPDATE event SET {edit[0]} = {edit[1]} WHERE idx = 0")  # noqa: S608 - our own words

    quick = judged(acme)
    assert quick.problems
    with in_full():
        assert judged(acme).problems == quick.problems


def test_values_that_look_like_more_attributes_are_not_taken_for_them(acme: Acme) -> None:
    """A column that holds quotes could spell the text of a leaf that has other attributes."""
    with acme.open() as log:
        log.record(acme.event(0, partner="borealis.example", policy="x"))
    acme.tamper('UPDATE event SET policy = NULL, partner = partner || \'","policy":"x\' WHERE idx = 0')

    assert [problem.where for problem in judged(acme).problems] == ["entry 0, column partner", "entry 0, column policy"]


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    return Acme(tmp_path)
