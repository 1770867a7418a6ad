"""A courier brings chunks to a gateway: real TLS, real processes, a real store, and a network that fails."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.digest import sha256 as digest
from engine.errors import Interrupted, PartnerUnreachable, Refused, SourceChanged
from engine.wire import upload
from engine.wire.courier import Courier
from engine.wire.journal import State
from engine.wire.upload import Chunk, FilePlace, UploadReport, plan

MIB = 1 << 20

Source = Callable[[Sequence[bytes]], list[Chunk]]


@pytest.fixture
def bring(gateway: Any, acme: Any) -> Callable[..., UploadReport]:
    """Have Acme upload to a gateway of Borealis, with nobody watching unless said otherwise."""

    def run(transfer: str, chunks: Sequence[Chunk], *, courier: Any = None, **options: Any) -> UploadReport:
        options = {"cancelled": threading.Event(), "progress": lambda _: None} | options
        return (courier or gateway.courier(acme)).upload(transfer, chunks, **options)

    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without waiting."""
    monkeypatch.setattr(upload, "FIRST_PAUSE", 0.0)


def chunks_of(*sizes: int) -> list[bytes]:
    return [secrets.token_bytes(size) for size in sizes]


class TestUpload:
    def test_large_and_small_chunks_arrive_and_are_acknowledged_once(
        self, gateway: Any, source: Source, bring: Any
    ) -> None:
        contents = chunks_of(4 * MIB, 3 * MIB, MIB, 5, 70_000, 1)
        transfer = gateway.expect(contents)
        seen: list[UploadReport] = []
        report = bring(transfer, source(contents), progress=seen.append)
        assert report == seen[-1] == UploadReport(chunks=6, bytes=sum(map(len, contents)))
        assert not any(gateway.journal.missing(transfer))
        assert all(gateway.holds(content) for content in contents)

    def test_only_what_is_missing_is_sent_the_second_time(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(MIB, MIB, 100, 200)
        transfer = gateway.expect(contents)
        chunks = source(contents)
        bring(transfer, chunks[::2])
        assert gateway.journal.missing(transfer) == [False, True, False, True]
        assert bring(transfer, chunks).sent_twice == 1  # a pack counts as new for as long as something in it is

    def test_what_the_same_peer_sent_under_the_same_agreement_is_not_missing_again(
        self, gateway: Any, source: Source, bring: Any
    ) -> None:
        contents = chunks_of(MIB, MIB)
        bring(gateway.expect(contents[:1]), source(contents[:1]))
        assert gateway.journal.missing(gateway.expect(contents)) == [False, True]
        assert gateway.journal.missing(gateway.expect(contents, peer="cirrus.example")) == [True, True]
        assert gateway.journal.missing(gateway.expect(contents, agreement="b" * 64)) == [True, True]

    def test_a_revoked_transfer_stops_every_connection(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(*[MIB] * 40)
        transfer = gateway.expect(contents)
        with pytest.raises(Refused, match="This transfer was stopped") as refusal:
            bring(transfer, source(contents), progress=lambda _: gateway.revoke(transfer))
        assert refusal.value.problem["codes"] == ["revoked"]
        assert gateway.journal.counts(transfer).chunks < 40

    def test_a_committed_transfer_takes_nothing_new(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(10)
        transfer = gateway.expect(contents)
        gateway.journal.set_state(transfer, State.CLOSED)
        with pytest.raises(Refused, match="was committed") as refusal:
            bring(transfer, source(contents))
        assert refusal.value.status == 409

    def test_a_cancelled_upload_says_what_was_acknowledged(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(*[MIB] * 12)
        transfer = gateway.expect(contents)
        cancelled = threading.Event()
        report = bring(
            transfer, source(contents), cancelled=cancelled, progress=lambda _: cancelled.set(), connections=1
        )
        assert 1 <= report.chunks < 12
        assert gateway.journal.counts(transfer).chunks == report.chunks

    def test_trouble_in_the_progress_display_ends_the_upload_orderly(
        self, gateway: Any, source: Source, bring: Any
    ) -> None:
        contents = chunks_of(*[MIB] * 4)
        with pytest.raises(ZeroDivisionError):
            bring(gateway.expect(contents), source(contents), progress=lambda _: 1 // 0)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("upload")]


class TestSource:
    def test_a_file_that_changed_does_not_leave(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(MIB)
        transfer = gateway.expect(contents)
        chunks = source(contents)
        chunks[0].place.path.write_bytes(b"\0" * MIB)
        with pytest.raises(SourceChanged, match="no longer"):
            bring(transfer, chunks)
        assert gateway.journal.missing(transfer) == [True]

    def test_a_small_file_that_changed_does_not_leave_in_a_pack(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(10, 20)
        chunks = source(contents)
        chunks[0].place.path.write_bytes(contents[0])
        with pytest.raises(SourceChanged, match="from byte 10 on"):
            bring(gateway.expect(contents), chunks)

    def test_a_file_that_is_gone_is_named(self, gateway: Any, source: Source, bring: Any) -> None:
        contents = chunks_of(10)
        chunks = source(contents)
        chunks[0].place.path.unlink()
        with pytest.raises(SourceChanged, match="No such file"):
            bring(gateway.expect(contents), chunks)


class TestBadNetwork:
    @pytest.mark.usefixtures("quick")
    def test_connections_that_break_are_dialled_again_after_asking(
        self, gateway: Any, acme: Any, source: Source, bring: Any, flaky: Any
    ) -> None:
        contents = chunks_of(*[MIB] * 6)
        transfer = gateway.expect(contents)
        asked: list[str] = []
        proxy = flaky(gateway.port, breaks=3, after=MIB // 2)
        report = bring(
            transfer,
            source(contents),
            courier=Courier(gateway.partner(acme.leaf(), url=proxy.url)),
            reconnect=lambda: asked.append("may I?"),
            connections=2,
        )
        assert (report.chunks, report.retries, len(asked)) == (6, 3, 3)
        assert all(gateway.holds(content) for content in contents)

    @pytest.mark.usefixtures("quick")
    def test_who_may_not_go_on_is_not_dialled_again(
        self, gateway: Any, acme: Any, source: Source, bring: Any, flaky: Any
    ) -> None:
        def denied() -> None:
            raise PermissionError("policy says no")

        contents = chunks_of(MIB)
        proxy = flaky(gateway.port, breaks=100, after=1000)
        with pytest.raises(PermissionError):
            bring(
                gateway.expect(contents),
                source(contents),
                courier=Courier(gateway.partner(acme.leaf(), url=proxy.url)),
                reconnect=denied,
            )

    @pytest.mark.usefixtures("quick")
    def test_a_network_that_never_works_is_given_up(
        self, gateway: Any, acme: Any, source: Source, bring: Any, flaky: Any
    ) -> None:
        contents = chunks_of(MIB)
        proxy = flaky(gateway.port, breaks=100, after=MIB // 2)
        with pytest.raises(Interrupted, match="broke"):
            bring(
                gateway.expect(contents),
                source(contents),
                courier=Courier(gateway.partner(acme.leaf(), url=proxy.url)),
                connections=1,
            )
        assert proxy.connections == upload.ATTEMPTS

    def test_cancelling_ends_the_wait_for_a_better_network(
        self, gateway: Any, acme: Any, source: Source, bring: Any, closed_port: int
    ) -> None:
        contents = chunks_of(MIB)
        cancelled = threading.Event()
        partner = gateway.partner(acme.leaf(), url=f"https://127.0.0.1:{closed_port}")

        def context() -> Any:
            cancelled.set()
            return partner.context()

        courier = Courier(replace(partner, context=context))
        assert bring("tr-" + "0" * 24, source(contents), courier=courier, cancelled=cancelled).chunks == 0

    def test_nobody_at_the_address_is_said_as_such(self, gateway: Any, acme: Any, closed_port: int) -> None:
        courier = Courier(gateway.partner(acme.leaf(), url=f"https://127.0.0.1:{closed_port}"))
        with pytest.raises(PartnerUnreachable, match=r"nobody answers for borealis\.example"):
            courier.call("GET", "/v1/trust")


class TestPlan:
    def test_small_chunks_share_packs_and_large_ones_travel_alone(self, source: Source) -> None:
        small, large = chunks_of(100, 200, MIB - 1), chunks_of(MIB)
        jobs = list(plan(source([small[0], large[0], *small[1:]])))
        assert [[chunk.size for chunk in job] for job in jobs] == [[MIB], [100, 200, MIB - 1]]

    def test_no_pack_holds_more_than_its_limits(self, tmp_path: Any) -> None:
        by_bytes = list(plan(Chunk(digest(b""), MIB - 1, FilePlace(tmp_path, 0)) for _ in range(20)))
        assert [len(job) for job in by_bytes] == [8, 8, 4]
        by_count = list(plan(Chunk(digest(b""), 1, FilePlace(tmp_path, 0)) for _ in range(20_000)))
        assert [len(job) for job in by_count] == [16_384, 3_616]
