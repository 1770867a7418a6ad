"""Whatever comes in whatever order, from however many processes' worth of connections: what is missing is exact."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.digest import sha256 as digest
from engine.events import system_clock
from engine.wire.bitmap import read_bitmap, write_bitmap
from engine.wire.journal import Journal
from engine.wire.messages import MissingMessage

TRANSFER = "tr-" + "0" * 24
CHUNKS = [digest(bytes([number])) for number in range(24)]

offers = st.lists(st.sampled_from(CHUNKS), max_size=40)
deliveries = st.lists(st.lists(st.sampled_from(CHUNKS), max_size=6), max_size=12)


@contextmanager
def journals(count: int, offer: list[str]) -> Iterator[list[Journal]]:
    """Open the same journal several times, as so many processes do, with one transfer in it."""
    with TemporaryDirectory() as folder:
        opened = [Journal(Path(folder) / "gateway.db", system_clock) for _ in range(count)]
        chunks = [(sha256, 1) for sha256 in offer]
        opened[0].create(TRANSFER, peer="acme.example", agreement="a", scope_public=b"s" * 32, chunks=chunks)
        try:
            yield opened
        finally:
            for journal in opened:
                journal.close()


def expected(offer: list[str], arrived: set[str]) -> list[bool]:
    return [sha256 not in arrived for sha256 in dict.fromkeys(offer)]


@given(st.lists(st.booleans(), max_size=300))
def test_a_bitmap_says_exactly_what_was_written(bits: list[bool]) -> None:
    assert list(read_bitmap(write_bitmap(bits), len(bits))) == [at for at, bit in enumerate(bits) if bit]


@settings(max_examples=60)
@given(offers, deliveries)
def test_any_order_with_duplicates_and_strangers_leaves_exactly_the_rest_missing(
    offer: list[str], delivered: list[list[str]]
) -> None:
    with journals(1, offer) as [journal]:
        arrived: set[str] = set()
        for chunks in delivered:
            journal.mark(TRANSFER, chunks)
            arrived |= set(chunks)
            message = MissingMessage.of(journal.missing(TRANSFER))
            distinct = list(dict.fromkeys(offer))
            assert journal.missing(TRANSFER) == expected(offer, arrived)
            assert {distinct[at] for at in message.positions()} == set(distinct) - arrived
            assert journal.counts(TRANSFER).chunks == len(set(distinct) & arrived)


@settings(max_examples=10)
@given(offers, st.lists(deliveries, min_size=2, max_size=4))
def test_markers_at_the_same_time_lose_nothing(offer: list[str], lanes: list[list[list[str]]]) -> None:
    with journals(len(lanes), offer) as opened:
        start = threading.Barrier(len(lanes))

        def mark(journal: Journal, delivered: list[list[str]]) -> None:
            start.wait(20)
            for chunks in delivered:
                journal.mark(TRANSFER, chunks)

        threads = [threading.Thread(target=mark, args=pair) for pair in zip(opened, lanes, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        arrived = {sha256 for lane in lanes for chunks in lane for sha256 in chunks}
        assert opened[0].missing(TRANSFER) == expected(offer, arrived)


@settings(max_examples=30)
@given(offers, offers, deliveries)
def test_a_second_offer_misses_exactly_what_the_first_did_not_bring(
    first: list[str], second: list[str], delivered: list[list[str]]
) -> None:
    with journals(1, first) as [journal]:
        for chunks in delivered:
            journal.mark(TRANSFER, chunks)
        arrived = {sha256 for chunks in delivered for sha256 in chunks} & set(first)
        journal.create(
            "second", peer="acme.example", agreement="a", scope_public=b"s" * 32, chunks=[(s, 1) for s in second]
        )
        assert journal.missing("second") == expected(second, arrived)
