"""The view models, without a terminal."""

import sqlite3
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest

from engine.errors import WorkspaceError
from engine.workspace.log.view import CheckpointView
from engine.workspace.views import Direction, Standing, Transfer, WorkspaceView
from tests.tui.sample_workspace import MIB, NOW, SampleWorkspace
from tui.state import measures
from tui.state.bar import bar, chunk_map
from tui.state.board import Board
from tui.state.glyphs import ASCII, UNICODE, glyphs_for
from tui.state.ledger import Ledger
from tui.state.line import Line, Role, cells, fit
from tui.state.pace import Pace
from tui.state.session import Session
from tui.state.states import STEPS, mark, pipeline
from tui.state.status import Status, status_line
from tui.state.text_filter import parse_filter
from tui.state.transfer_detail import detail

SENDING = Transfer(
    id="tr-1",
    direction=Direction.OUT,
    partner="borealis.example",
    artifact="a" * 64,
    name="sentiment",
    version="3.1",
    agreement="b" * 64,
    purpose="fraud-screening",
    actor="ada@acme.example",
    state="sending",
    step="send",
    detail="",
    chunks_total=100,
    chunks_done=50,
    bytes_total=400 * MIB,
    bytes_done=200 * MIB,
    started=NOW - timedelta(minutes=1),
    updated=NOW,
)


def text(line: Line) -> str:
    return "".join(piece.text for piece in line)


def ids(board: Board) -> list[str]:
    return [transfer.id for transfer in board.shown]


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J\x1b]52;c;ZXZpbA==\x07", "three\u202egnp.exe", "a\nb\rc", "x\u200by", "\x9b31m"]
)
def test_text_of_a_partner_cannot_move_the_cursor_or_reorder_the_line(hostile: str) -> None:
    shown = fit(hostile, 40)

    assert shown.isprintable()
    assert cells(shown) == 40


@pytest.mark.parametrize("width", range(9))
def test_a_cut_text_takes_exactly_its_cells_even_when_its_characters_are_wide(width: int) -> None:
    assert cells(fit("模型-sentiment", width)) == width
    assert cells(fit("e\u0301e\u0301e\u0301e\u0301e\u0301", width)) == width


def test_only_what_is_complete_says_100_percent() -> None:
    assert measures.percent(9999, 10_000) == " 99%"
    assert measures.percent(10_000, 10_000) == "100%"
    assert measures.percent(0, 0) == "100%"
    assert text(bar(9999, 10_000, 10, UNICODE)) == "━━━━━━━━━─"


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (112 * MIB, "112 MiB"), (2**61, "2048.0 PiB")],
)
def test_sizes_are_written_in_the_unit_people_use(count: int, written: str) -> None:
    assert measures.size(count) == written


def test_times_are_written_shorter_the_longer_they_are() -> None:
    written = [measures.duration(s) for s in (-5, 4.9, 125, 3 * 3600 + 720, 5 * 86_400)]
    assert written == ["0s", "4s", "2:05", "3h12", "5d"]
    assert [measures.coarse(s) for s in (4, 2000, 50_000, 500_000)] == ["4s", "33m", "13h", "5d"]


def test_a_clock_that_is_behind_is_not_hidden() -> None:
    assert measures.age(NOW + timedelta(minutes=6), NOW) == "in 6m"


def test_one_look_gives_no_speed_and_two_do() -> None:
    pace = Pace()
    pace.observe(100, NOW)
    assert pace.bytes_per_second is None

    pace.observe(300, NOW + timedelta(seconds=2))

    assert pace.bytes_per_second == 100
    assert pace.seconds_left(500) == 5


def test_the_speed_is_that_of_the_last_ten_seconds() -> None:
    pace = Pace()
    for second in range(60):
        pace.observe(min(second, 30) * 1000, NOW + timedelta(seconds=second))

    assert pace.bytes_per_second == 0
    assert pace.seconds_left(500) is None


def test_a_resume_that_counts_anew_shows_no_negative_speed() -> None:
    pace = Pace()
    pace.observe(5000, NOW)
    pace.observe(1000, NOW + timedelta(seconds=1))

    assert pace.bytes_per_second is None


def test_a_filter_holds_when_all_its_terms_hold() -> None:
    wanted = parse_filter("state=send !partner=cygnus Sentiment", ("state", "partner", "name"))
    row = {"state": "sending", "partner": "borealis.example", "name": "sentiment"}

    assert wanted.holds(row)
    assert not wanted.holds(row | {"partner": "cygnus.example"})
    assert not wanted.holds(row | {"state": "failed"})
    assert not wanted.holds(row | {"name": "speech"})


@pytest.mark.parametrize("typed", ["colour=red", "!colour=red", "state=", "!"])
def test_a_filter_that_cannot_be_meant_has_a_problem_and_changes_nothing(typed: str) -> None:
    board = Board(UNICODE)
    board.update([SENDING], NOW)

    assert board.narrow(typed).problem
    assert ids(board) == ["tr-1"]
    assert not board.filter.terms


def test_what_waits_for_a_person_stands_above_what_moves_and_what_is_over() -> None:
    board = Board(UNICODE)
    board.update(
        [
            replace(SENDING, id="done", state="completed"),
            replace(SENDING, id="moves"),
            replace(SENDING, id="waits", state="awaiting-approval"),
            replace(SENDING, id="moves-later", started=NOW),
        ],
        NOW,
    )

    assert ids(board) == ["waits", "moves-later", "moves", "done"]


def test_rate_and_time_left_come_from_successive_looks() -> None:
    board = Board(UNICODE)
    board.update([SENDING], NOW)
    assert "/s" not in text(board.line(0, 79))

    board.update([replace(SENDING, bytes_done=210 * MIB)], NOW + timedelta(seconds=1))

    assert text(board.line(0, 79)).endswith("52% 10.0 MiB/s   19s")


@pytest.mark.parametrize("width", [79, 90, 159])
@pytest.mark.parametrize("state", ["sending", "completed", "failed", "something-new"])
def test_every_line_of_the_board_is_as_wide_as_the_table(state: str, width: int) -> None:
    board = Board(UNICODE)
    board.update([replace(SENDING, state=state, detail="why " * 40)], NOW)

    assert cells(text(board.line(0, width))) == width


def test_a_state_nobody_knows_asks_for_attention() -> None:
    assert mark("brand-new", UNICODE).role is Role.ATTENTION


def test_the_pipeline_shows_a_failure_at_its_step_and_nothing_good_after_it() -> None:
    pieces = pipeline("failed", "send", UNICODE)

    roles = dict(zip(STEPS, (piece.role for piece in pieces), strict=True))
    assert roles["offer"] is Role.GOOD
    assert roles["send"] is Role.BAD
    assert {roles["commit"], roles["receipt"], roles["witness"]} == {Role.MUTED}


def test_waiting_for_an_approval_stands_at_the_step_of_that_name() -> None:
    pieces = pipeline("awaiting-approval", "decide", UNICODE)

    assert [piece.text for piece in pieces[:4]] == ["✔ preflight", "✔ decide", "▲ approve", "· offer"]


def test_a_quarantined_transfer_that_is_through_shows_the_verdict_as_bad() -> None:
    pieces = pipeline("quarantined", "done", UNICODE)

    assert [piece.text for piece in pieces if piece.role is not Role.GOOD] == ["✘ verdict"]


def test_a_step_nobody_knows_leaves_the_whole_pipeline_unreached() -> None:
    assert {piece.role for piece in pipeline("sending", "new-step", UNICODE)} == {Role.MUTED}
    assert {piece.role for piece in pipeline("completed", "", UNICODE)} == {Role.GOOD}


@pytest.mark.parametrize("chunks", [1, 79, 80, 640, 641, 100_000])
def test_a_chunk_map_has_at_most_eight_rows(chunks: int) -> None:
    rows = chunk_map([True] * chunks, 80, UNICODE)

    assert 1 <= len(rows) <= 8
    assert all(cells(text(row)) <= 80 for row in rows)


def test_one_missing_chunk_of_many_is_seen_on_the_map() -> None:
    held = [True] * 100_000
    held[77_777] = False

    shown = "".join(text(row) for row in chunk_map(held, 80, UNICODE))

    assert shown.count(UNICODE.partial) == 1


def test_the_detail_shows_the_map_of_an_incoming_transfer_only() -> None:
    arguments = {"pace": Pace(), "now": NOW, "width": 60, "glyphs": UNICODE}
    incoming = replace(SENDING, direction=Direction.IN)

    assert any("chunks  " in text(line) for line in detail(incoming, (True, False), **arguments))
    assert not any("chunks  " in text(line) for line in detail(SENDING, (), **arguments))


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [({}, UNICODE), ({"NO_COLOR": ""}, UNICODE), ({"NO_COLOR": "1"}, ASCII), ({"LADING_ASCII": "1"}, ASCII)],
)
def test_the_environment_chooses_the_signs(environ: dict[str, str], chosen: object) -> None:
    assert glyphs_for(environ) is chosen


def test_alarms_stand_first_and_are_the_last_to_be_dropped() -> None:
    status = Status(
        standing=Standing(organization="acme.example", owner_up=None, advisory=True),
        checkpoint=CheckpointView(size=49, time=NOW, cosigned_size=40, cosigned_by=("w",), problem=None),
        broken=(3, 40),
        problems=(),
        paused=True,
        now=NOW,
    )

    assert text(status_line(status, 120, UNICODE)) == (
        " ✘ 2 proofs BROKEN  ▲ paused  acme.example  · owner unknown  ▲ advisory"
        "  checkpoint 49, 0s ago  1 cosigned at 40"
    )
    assert text(status_line(status, 30, UNICODE)) == " ✘ 2 proofs BROKEN  ▲ paused"


def test_the_signs_of_each_set_are_distinct_where_they_could_be_confused() -> None:
    for signs in (UNICODE, ASCII):
        verdicts = [signs.good, signs.bad, signs.attention, signs.running, signs.unchecked]
        assert len(set(verdicts)) == len(verdicts)
        assert len({signs.held, signs.partial, signs.missing}) == 3


def test_the_ledger_reads_the_pages_it_shows_and_no_others(acme: SampleWorkspace) -> None:
    view = WorkspaceView(acme.home)
    ledger = Ledger(view.log)
    ledger.poll()

    assert len(ledger) == 49
    assert ledger.row(48).type == "receipt.received"
    ledger.poll()
    assert len(ledger._pages) == 1
    view.close()


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("log.checkpoint", WorkspaceError("the log cannot be read: locked", remedy="Wait.")),
        ("transfers.break_glass", sqlite3.OperationalError("locked")),
    ],
)
def test_what_could_not_be_read_once_is_read_at_the_next_look(
    acme: SampleWorkspace, monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception
) -> None:
    session = Session(WorkspaceView(acme.home), acme.clock, {})
    monkeypatch.setattr(session.view.transfers, "break_glass", len)
    part, method = broken.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(session.view, part), method, Mock(side_effect=error))
        session.look()
        assert any("cannot be read: locked" in problem for problem in session.status.problems)

    session.look()

    assert not session.status.problems
    assert session.checkpoint is not None
    assert len(session.docket.to_scan) == 49
    assert "9 tickets to approve" in session.status.waiting
    session.close()


def test_what_a_scan_finds_late_for_another_filter_is_dropped(acme: SampleWorkspace) -> None:
    view = WorkspaceView(acme.home)
    ledger = Ledger(view.log)
    ledger.poll()
    first = ledger.narrow("decision:deny")
    ledger.narrow("type:receipt.*")

    ledger.add_found(first, [3, 11], 49)

    assert len(ledger) == 0
    assert ledger.to_scan == range(49)
    view.close()
