"""Filters: read, refused with a place, completed; what is found is judged by its leaf."""

from datetime import UTC, datetime

import pytest

from engine.audit.query.complete import complete
from engine.audit.query.find import Search, Source, find
from engine.audit.query.match import like
from engine.audit.query.parse import Asker, only_about, parse, without_key
from engine.audit.query.terms import EVERYTHING, All, Between, Like, Not, Phrase, Places, Some
from engine.audit.reader import LogReader
from engine.errors import FilterError, LadingError
from tests.unit.audit.conftest import Acme

ASKER = Asker(datetime(2026, 11, 26, 12, tzinfo=UTC), lambda name: f"<{name}>")


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("  ", EVERYTHING),
        ("type:decision.deny", Like("type", "decision.deny")),
        ("actor:ada@acme.example", Like("actor", "<ada@acme.example>")),
        (f"actor:{'0a' * 16}", Like("actor", "0a" * 16)),
        ("artifact:AB12", Like("artifact", "ab12*")),
        ('partner:"a \\" b"', Like("partner", 'a " b')),
        ("entry:7", Places(7, 7)),
        ("entry:7..", Places(7, None)),
        ("entry:..9", Places(0, 9)),
        ("since:2h", Between("2026-11-26T10:00:00.000Z", None)),
        ("since:2026-11-01", Between("2026-11-01T00:00:00.000Z", None)),
        ("until:2026-11-01", Between(None, "2026-11-02T00:00:00.000Z")),
        ("until:2026-11-01T10:00+02:00", Between(None, "2026-11-01T08:00:00.000Z")),
        ("Fraud*", Phrase(("fraud",), open=True)),
        ('"Straße, eins"', Phrase(("strasse", "eins"), open=False)),
        (
            "a b or -c",
            Some((All((Phrase(("a",), open=False), Phrase(("b",), open=False))), Not(Phrase(("c",), open=False)))),
        ),
        (
            "a AND (b or c)",
            All((Phrase(("a",), open=False), Some((Phrase(("b",), open=False), Phrase(("c",), open=False))))),
        ),
    ],
)
def test_a_filter_is_read(text: str, term: object) -> None:
    assert parse(text, ASKER) == term


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("typ:x", 0, "found the unknown field 'typ', expected one of type, actor"),
        ("typ:x", 0, "did you mean 'type'?"),
        ("decision:denny", 9, "did you mean 'deny'?"),
        ("a type:", 7, "found nothing, expected a value after 'type:'"),
        ("(a or b", 7, "found the end, expected the ')' for the '(' at character 1"),
        ("a) b", 1, "found ')'"),
        ("a or or b", 5, "found 'or', expected a term"),
        ('a "b', 2, "a quotation without end"),
        ("since:yesterday", 6, "expected a day (2026-11-01)"),
        ("since:999999w", 6, "expected a day"),
        ("entry:9..3", 6, "a range that goes up: 3..9"),
        ("entry:x", 6, "an index (100) or a range"),
        ("actor:ada*", 6, "leaves hold pseudonyms"),
        ("artifact:sentiment", 9, "hexadecimal digits"),
        ("type:*a*b*c*d*", 5, "at most 4 stars"),
        ("...", 0, "a text with letters or digits"),
        ("(" * 40 + "a", 33, "more than 32 levels"),
        ("a " * 200, 256, "more than 128 terms"),
        ("a" * 5000, 4096, "5000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text: str, at: int, said: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text, ASKER)

    assert refused.value.at == at
    assert f"character {at + 1}:" in str(refused.value)
    assert said in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_name_without_the_pseudonym_key_is_refused_and_not_guessed() -> None:
    with pytest.raises(LadingError, match="pseudonym key"):
        parse("actor:ada@acme.example", Asker(ASKER.now, without_key))


def test_a_pattern_does_not_go_back_and_forth() -> None:
    assert like("a*b*c")("a" + "b" * 50_000 + "c")
    assert not like("*a*a*a*b")("a" * 50_000)
    assert like("a*")("a\nb")


def test_whatever_a_value_holds_it_can_be_asked_for() -> None:
    assert parse(only_about("type", 'a "b\\'), ASKER) == Like("type", 'a "b\\')


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("", ["type:", "actor:"]),
        ("de", ["decision:"]),
        ("a -tr", ["transfer:"]),
        ("decision:", ["deny", "failsafe", "permit"]),
        ("type:dec", ["decision.*", "decision.deny"]),
        ("(type:decision.d", ["decision.deny"]),
        ('"type:', []),
        ("nothing:", []),
    ],
)
def test_what_can_stand_at_the_cursor(text: str, texts: list[str]) -> None:
    found = complete(text, len(text), {"type": ["decision.deny", "trust.issued"]})

    assert [one.text for one in found][: len(texts) or None] == texts


TAMPERED = {
    "its columns do not say what its leaf says: decision": "UPDATE event SET decision = 'deny' WHERE idx = 3",
    "its payload is not the one": "UPDATE payload SET body = x'7b7d' WHERE idx = 3",
    "its leaf is no JSON": "UPDATE event SET leaf = x'00', decision = 'deny' WHERE idx = 3",
}


@pytest.mark.parametrize("why", TAMPERED)
def test_a_row_that_disagrees_with_its_leaf_is_reported_and_not_shown_as_true(acme: Acme, why: str) -> None:
    with acme.open() as log:
        log.record_many(acme.events(6))
    acme.tamper(TAMPERED[why])

    with LogReader(acme.path) as reader:
        term = parse("decision:deny or entry:3", ASKER)
        (found,) = find(reader, Search(term, Source.COLUMNS, 0, 6))

    assert (found.row.index, found.entry) == (3, None)
    assert why in found.why


def test_reading_every_leaf_finds_what_an_edited_or_deleted_row_hides(acme: Acme) -> None:
    with acme.open() as log:
        log.record_many(acme.events(6))
    acme.tamper("UPDATE event SET partner = NULL WHERE idx = 2", "DELETE FROM payload WHERE idx = 4")
    acme.tamper("DELETE FROM event WHERE idx = 4")

    with LogReader(acme.path) as reader:
        term = parse("partner:borealis.example", ASKER)
        quick = [one.row.index for one in find(reader, Search(term, Source.COLUMNS, 0, 6))]
        whole = [(one.row.index, bool(one.why)) for one in find(reader, Search(term, Source.LEAVES, 0, 6))]

    assert quick == [5, 3, 1, 0]
    assert whole == [(5, False), (4, True), (3, False), (2, True), (1, False), (0, False)]
