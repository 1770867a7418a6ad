"""Operations travel to the owner over a unix socket: progress, results, errors, and people who go away."""

import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.errors import BadSignature, Interrupted, LadingError, OwnerBusy, Refused, UsageError, WorkspaceError
from engine.wire import operations, server, unix
from engine.wire.operations import operations_app
from engine.wire.owner import call_owner, read_error, write_error
from engine.wire.server import UnixServer
from engine.wire.unix import UnixConnection

PATIENCE = 20

Perform = Callable[..., Any]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[Perform], Path]]:
    """Be the owner who performs operations in some way; return where it takes them."""
    started: list[UnixServer] = []

    def start(perform: Perform) -> Path:
        path = tmp_path / "owner.sock"
        started.append(UnixServer(path, operations_app(perform)))
        started[-1].start()
        return path

    yield start
    for each in started:
        each.stop()


def echo(name: str, token: str | None, params: Mapping[str, Any], progress: Any, cancelled: Any) -> Any:
    progress({"step": "hashing", "done": 1, "total": 2})
    progress({"step": "hashing", "done": 2, "total": 2})
    return {"name": name, "token": token, "params": params, "cancelled": cancelled.is_set()}


class TestOperations:
    def test_progress_comes_first_and_then_the_result(self, own: Any) -> None:
        reports: list[Any] = []
        result = call_owner(own(echo), "artifact.pack", "a token", {"path": "modèle"}, reports.append)
        assert [report["done"] for report in reports] == [1, 2]
        assert result == {"name": "artifact.pack", "token": "a token", "params": {"path": "modèle"}, "cancelled": False}

    def test_an_error_is_the_same_error_on_the_other_side(self, own: Any) -> None:
        def fail(*_: Any) -> None:
            raise BadSignature("the bundle was altered", remedy="Ask for it again.")

        with pytest.raises(BadSignature, match="the bundle was altered") as caught:
            call_owner(own(fail), "verify", None, {}, print)
        assert caught.value.remedy == "Ask for it again."
        assert caught.value.exit_code == 4

    def test_a_partners_refusal_keeps_what_the_partner_said(self) -> None:
        refusal = Refused("no", remedy="Ask.", status=403, problem={"title": "Denied", "codes": ["purpose"]})
        again = read_error(json.loads(json.dumps(write_error(refusal))))
        assert isinstance(again, Refused)
        assert (again.status, again.problem, str(again)) == (403, refusal.problem, "no")

    def test_an_error_of_a_later_release_is_still_an_error(self) -> None:
        error = read_error({"type": "urn:lading:error:FluxInverted", "detail": "odd", "remedy": "Wait."})
        assert (type(error), str(error), error.remedy) == (LadingError, "odd", "Wait.")

    def test_a_defect_is_logged_and_named(self, own: Any, caplog: pytest.LogCaptureFixture) -> None:
        def break_down(*_: Any) -> None:
            raise KeyError("nonsense")

        with pytest.raises(LadingError, match=r"verify failed inside: KeyError"):
            call_owner(own(break_down), "verify", None, {}, print)
        assert "Traceback" in caplog.text

    def test_a_result_that_cannot_be_written_is_a_defect_too(self, own: Any) -> None:
        with pytest.raises(LadingError, match="TypeError"):
            call_owner(own(lambda *_: object()), "verify", None, {}, print)

    def test_whoever_goes_away_cancels_what_they_asked_for(self, own: Any) -> None:
        begun, ended = threading.Event(), threading.Event()

        def work(_name: Any, _token: Any, _params: Any, progress: Any, cancelled: threading.Event) -> None:
            progress("begun")
            assert cancelled.wait(PATIENCE)
            ended.set()

        def leave(_: Any) -> None:
            begun.set()
            raise KeyboardInterrupt

        path = own(work)
        with pytest.raises(KeyboardInterrupt):
            call_owner(path, "send", None, {}, leave)
        assert begun.is_set()
        assert ended.wait(PATIENCE)

    def test_an_owner_that_stops_cancels_and_waits_for_what_runs(self, tmp_path: Path, monkeypatch: Any) -> None:
        monkeypatch.setattr(server, "DRAIN_SECONDS", 0.1)
        ended: list[str] = []
        begun = threading.Event()

        def work(*call: Any) -> None:
            begun.set()
            assert call[-1].wait(PATIENCE)
            ended.append("cleanly")

        owner = UnixServer(tmp_path / "owner.sock", operations_app(work))
        owner.start()
        failures: list[BaseException] = []

        def ask() -> None:
            try:
                call_owner(tmp_path / "owner.sock", "send", None, {}, print)
            except Interrupted as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert begun.wait(PATIENCE)
        owner.stop()
        asking.join(PATIENCE)
        assert ended == ["cleanly"]
        assert "stopped before it was done" in str(failures[0])

    def test_reports_that_nobody_reads_are_dropped_and_the_result_is_not(self, own: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(operations, "REPORTS_WAITING", 0)
        reports: list[Any] = []
        assert call_owner(own(echo), "x", None, {}, reports.append)["name"] == "x"
        assert reports == []

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'{"params":{}}', b'{"token":1,"params":{}}', b'{"token":"","params":[]}']
    )
    def test_a_question_that_is_not_one_is_refused(self, own: Any, body: bytes) -> None:
        with closing(UnixConnection(own(echo), timeout=PATIENCE)) as connection:
            connection.request("POST", "/v1/operations/x", body)
            response = connection.getresponse()
            assert (response.status, response.getheader("Content-Type")) == (400, "application/problem+json")
            assert b"operation" in response.read()

    def test_an_unknown_path_is_no_operation(self, own: Any) -> None:
        with pytest.raises(UsageError, match=r"did not begin \(404\): Not Found"):
            call_owner(own(echo), "../x", None, {}, print)

    def test_where_nobody_listens_the_owner_does_not_answer(self, tmp_path: Path) -> None:
        with pytest.raises(OwnerBusy, match="does not answer"):
            call_owner(tmp_path / "owner.sock", "send", None, {}, print)


class TestSocket:
    def test_it_is_for_the_same_user_and_gone_afterwards(self, tmp_path: Path) -> None:
        path = tmp_path / "owner.sock"
        owner = UnixServer(path, web.Application())
        owner.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["owner.sock"]
        owner.stop()
        owner.stop()
        assert list(tmp_path.iterdir()) == []

    def test_what_a_dead_owner_left_is_replaced(self, own: Any, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(tmp_path / "owner.sock"))
        assert call_owner(own(echo), "x", None, {}, lambda _: None)["name"] == "x"

    def test_anything_else_in_its_place_stays(self, own: Any, tmp_path: Path) -> None:
        (tmp_path / "owner.sock").write_text("precious")
        with pytest.raises(WorkspaceError, match="is no socket"):
            own(echo)
        assert (tmp_path / "owner.sock").read_text() == "precious"

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WorkspaceError, match="cannot be made"):
            UnixServer(tmp_path / "no" / "owner.sock", web.Application()).start()

    def test_a_socket_that_was_taken_over_is_not_removed(self, tmp_path: Path) -> None:
        path = tmp_path / "owner.sock"
        first, second = (UnixServer(path, web.Application()) for _ in range(2))
        first.start()
        second.start()
        first.stop()
        assert path.exists()
        path.unlink()
        second.stop()

    def test_an_application_that_cannot_start_says_why(self, tmp_path: Path) -> None:
        async def fail(_: web.Application) -> None:
            raise WorkspaceError("the log is gone", remedy="Restore it.")

        app = web.Application()
        app.on_startup.append(fail)
        with pytest.raises(WorkspaceError, match="the log is gone"):
            UnixServer(tmp_path / "owner.sock", app).start()
        assert list(tmp_path.iterdir()) == []

    def test_a_path_too_long_for_an_address_works_all_the_same(self, tmp_path: Path) -> None:
        deep = tmp_path / ("a" * 100) / ("b" * 100)
        deep.mkdir(parents=True)
        owner = UnixServer(deep / "owner.sock", operations_app(echo))
        owner.start()
        assert call_owner(deep / "owner.sock", "x", None, {}, lambda _: None)["name"] == "x"
        owner.stop()
        assert not (deep / "owner.sock").exists()

    def test_where_there_is_no_way_around_it_the_remedy_is_a_shorter_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unix, "_DESCRIPTORS", tmp_path / "no-such-system")
        deep = tmp_path / ("a" * 120)
        deep.mkdir()
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(WorkspaceError, match="address of a socket may have 103"):
            UnixServer(deep / "owner.sock", web.Application()).start()
        assert len(list(Path("/proc/self/fd").iterdir())) == before
