"""SQL, the full-text index and the judge answer every filter alike."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audit.entry import pseudonym
from engine.audit.log import AuditLog
from engine.audit.query.complete import complete
from engine.audit.query.find import Search, Source, find
from engine.audit.query.match import matches
from engine.audit.query.parse import Asker, parse
from engine.audit.query.sql import condition
from engine.audit.query.terms import FIELDS
from engine.audit.reader import LogReader
from engine.audit.search import SearchIndex
from engine.errors import FilterError
from engine.events import Event, event_id

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = b"p" * 32
TYPES = ("decision.deny", "decision.permit", "transfer.offered", "transfer.completed", "odd[type]?.*")
PEOPLE = ("ada@acme.example", "Bea@acme.example")
PARTNERS = ("borealis.example", "cygnus.example", "[b]orealis?", None)
TEXTS = ("Fraud screening", "évaluation Straße", "fraud", "ﬁnal 42", "under_score", "x" * 40, "東京 model", "")
ASKER = Asker(START + timedelta(hours=1), lambda name: pseudonym(KEY, name))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogReader]:
    """A log of 200 entries of every shape, some payloads gone, with its index."""
    folder = tmp_path_factory.mktemp("filter")
    moments = iter(START + timedelta(seconds=20 * n) for n in range(1000))
    private = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
    with AuditLog(
        folder / "audit.db", origin="o", key=private, pseudonym_key=KEY, source="s", clock=lambda: next(moments)
    ) as made:
        for number in range(200):
            made.record(sample(number))
    with closing(sqlite3.connect(folder / "audit.db")) as db:
        db.execute("DELETE FROM payload WHERE idx % 17 = 3")
        db.commit()
    with LogReader(folder / "audit.db") as reader:
        index = SearchIndex(folder / "search.db", reader)
        index.catch_up(reader.size)
        assert index.attach(reader.size)
        assert index.check() == []
        yield reader


def sample(number: int) -> Event:
    return Event(
        id=event_id("sample", str(number)),
        type=TYPES[number % 5],
        actor=PEOPLE[number % 2],
        partner=PARTNERS[number % 4],
        transfer=f"tr-{number % 7}" if number % 3 else None,
        artifact=f"{number % 11:x}" * 64 if number % 11 else None,
        decision=("deny", "permit", "failsafe", None)[number % 4],
        payload={"text": TEXTS[number % 8], "deep": [{"more": TEXTS[number % 3]}, number, True, None]},
    )


def refusal(text: str) -> FilterError | None:
    try:
        parse(text, ASKER)
    except FilterError as error:
        return error
    return None


values = {
    "type": st.sampled_from([*TYPES, "transfer.*", "*", "*.deny", "d*y", "odd[type]?.*", "none"]),
    "actor": st.sampled_from([*PEOPLE, "eve@acme.example", pseudonym(KEY, PEOPLE[0])]),
    "partner": st.sampled_from(["borealis.example", "*orealis*", "[b]orealis?", "[b]*", "?ygnus*"]),
    "transfer": st.sampled_from(["tr-1", "tr-*", "*"]),
    "artifact": st.sampled_from(["1", "11", "a" * 64, "22*", "f"]),
    "decision": st.sampled_from(["permit", "deny", "failsafe"]),
    "since": st.sampled_from(["2026-06-01", "2026-06-01T12:10Z", "30m", "1w", "2026-06-01T14:20:20+02:00"]),
    "until": st.sampled_from(["2026-06-01", "2026-05-31", "2026-06-01T12:10:00", "1h", "45m"]),
    "entry": st.sampled_from(["0", "10..20", "..50", "150..", "500"]),
}
words = (
    "fraud",
    "FRAUD",
    "fraud screening",
    "screening fraud",
    "strasse",
    "final",
    "fi*",
    "x*",
    "東京",
    "42",
    "acme",
    "permit",
)
fields = st.sampled_from(sorted(values)).flatmap(lambda name: values[name].map(lambda value: f'{name}:"{value}"'))
texts = st.sampled_from(words).map(lambda text: text if text.endswith("*") else f'"{text}"')
filters = st.recursive(
    fields | texts,
    lambda inner: st.one_of(
        inner.map(lambda one: f"-({one})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda many: f"({' '.join(many)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda many: f"({' or '.join(many)})"),
    ),
    max_leaves=6,
)


@given(text=filters, newest=st.booleans())
@settings(max_examples=300)
def test_every_way_to_look_finds_what_the_judge_lets_through(log: LogReader, text: str, newest: bool) -> None:  # noqa: FBT001
    term = parse(text, ASKER)
    wanted = [index for index in range(log.size) if matches(term, log.entry(index))]
    exact = condition(term, indexed=True)

    selected = [row.index for row, _, _ in log.select(f"{exact.text} ORDER BY event.idx", exact.values, 1000)]

    assert exact.exact
    assert selected == wanted
    for source in Source:
        found = list(find(log, Search(term, source, 0, log.size, newest_first=newest)))
        assert [one.row.index for one in found] == (wanted[::-1] if newest else wanted)
        assert all(one.entry is not None and not one.why for one in found)


@given(text=st.text(max_size=60) | st.text('ab:.-()" *\\or0123', max_size=40))
@settings(max_examples=500)
def test_any_text_is_a_filter_or_is_refused_at_a_place_in_it(text: str) -> None:
    refused = refusal(text)

    assert refused is None or (0 <= refused.at <= len(text) and f"character {refused.at + 1}:" in str(refused))


@given(text=st.text('type:dcsn-()" a', max_size=30), at=st.integers(0, 30))
def test_a_completion_continues_the_word_at_the_cursor(text: str, at: int) -> None:
    cursor = min(at, len(text))

    for candidate in complete(text, cursor, {"type": ["decision.deny"]}):
        assert candidate.start <= cursor
        assert candidate.text.startswith(text[candidate.start : cursor])
        assert candidate.text.rstrip(":") in FIELDS or candidate.kind == "value"
