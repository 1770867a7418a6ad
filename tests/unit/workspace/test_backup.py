"""Backups: one moment of a workspace in one file, read again before it counts, and hostile until it was checked."""

import random
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.digest import canonical, sha256
from engine.errors import InputError, IntegrityError, LadingError, UsageError, WorkspaceError
from engine.events import Event
from engine.workspace.governing.decisions import recorded_decisions
from engine.workspace.keeping.restoring import continue_restored, restore_backup, verify_backup
from engine.workspace.layout import Layout
from engine.workspace.log import unrecorded
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.origins import continuing
from tests.unit.workspace.archives import archived, back_up, files_in, members, rewritten
from tests.unit.workspace.conftest import ask, hire

GOLDEN = Path(__file__).parents[2] / "golden" / "backup" / "backup-v1.tar"


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    hire(home, "sec", roles="security")
    with Office(Layout(home)) as opened:
        yield opened


def test_what_was_backed_up_is_restored_but_for_keys(office: Office, tmp_path: Path) -> None:
    file, home, restored = tmp_path / "b.tar", office.layout.home, tmp_path / "restored"

    made = back_up(office, file)
    report = restore_backup(file, restored)

    assert report["log"] == made["log"]
    assert file.stat().st_mode & 0o777 == 0o600
    kept = {path.relative_to(home) for path in home.rglob("*") if path.is_file() and path.parts[-2] != "keys"}
    kept = {path for path in kept if path.parts[0] != "keys" and path.name != "owner.lock" and "-" not in path.suffix}
    found = {path.relative_to(restored) for path in restored.rglob("*") if path.is_file()}
    assert found == kept | {Path("state/restored"), Path("state/verified.json")}
    for name in kept:
        if name.suffix != ".db":
            assert (restored / name).read_bytes() == (home / name).read_bytes()
    assert verify_log(restored, lambda _: None)["ok"]


def test_nothing_is_recorded_in_what_was_restored(office: Office, tmp_path: Path) -> None:
    back_up(office, tmp_path / "b.tar")
    restore_backup(tmp_path / "b.tar", tmp_path / "restored")

    with Office(Layout(tmp_path / "restored")) as again, pytest.raises(WorkspaceError, match="restored from a backup"):
        _ = again.log


def test_a_restored_workspace_goes_on_in_the_next_log(office: Office, tmp_path: Path) -> None:
    ask(office, "hold.place", who="sec", name="case-7", covers={"filter": "type:*"}, reason="letter")
    made = back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)
    shutil.copytree(office.layout.keys, restored / "keys")

    opened = continue_restored(restored, who="ada", reason="the disk failed")

    assert (opened["former"], opened["origin"]) == ("acme.example/lading/audit/0", "acme.example/lading/audit/1")
    assert opened["holds"] == ["case-7"]
    with Office(Layout(restored)) as again:
        first = again.log.entry(0)
        done = ask(again, "audit.erase", who="sec", filter="type:log.continued")
        assert (first.type, done["entries"], len(done["kept"])) == ("log.continued", [], 1)
        assert first.payload is not None
        assert (first.payload["actor"], first.payload["restored"]) == ("ada@acme.example", made["log"]["size"])
        assert not any("state/audit-0.db" in each for each in done["outside"])
        later = back_up(again, tmp_path / "later.tar")
    assert verify_log(restored, lambda _: None)["ok"]
    assert verify_backup(tmp_path / "later.tar")["log"] == later["log"]
    with pytest.raises(UsageError, match="was not restored"):
        continue_restored(restored, who="ada", reason="again")


def test_who_may_not_govern_does_not_continue_a_restored_log(office: Office, tmp_path: Path) -> None:
    hire(office.layout.home, "olga", roles="operator")
    back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)
    shutil.copytree(office.layout.keys, restored / "keys")
    before = files_in(restored)

    denied = continue_restored(restored, who="olga", reason="mine now")

    assert "denied" in denied
    after = files_in(restored)
    assert {name for name in before if before[name] != after[name]} <= {"state/policy.db"}  # the slice is kept there
    assert not Layout(restored).opening.exists()
    assert Layout(restored).restored.exists()


def test_the_permit_to_continue_stands_in_the_next_log(office: Office, tmp_path: Path) -> None:
    back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)
    shutil.copytree(office.layout.keys, restored / "keys")

    continue_restored(restored, who="sec", reason="the disk failed")

    with Office(Layout(restored)) as again:
        first, second = again.log.entry(0), again.log.entry(1)
    assert (first.type, second.type) == ("log.continued", "decision.permit")
    assert second.payload is not None
    assert (second.payload["actor"], second.payload["action"]) == ("sec@acme.example", "govern")
    [decided] = recorded_decisions(restored)
    assert decided.lacks is None


def test_who_was_denied_to_continue_stands_in_the_next_log_before_the_permit(office: Office, tmp_path: Path) -> None:
    hire(office.layout.home, "olga", roles="operator")
    back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)
    shutil.copytree(office.layout.keys, restored / "keys")
    for reason in ("mine now", "let me"):
        assert "denied" in continue_restored(restored, who="olga", reason=reason)

    continue_restored(restored, who="sec", reason="the disk failed")

    with Office(Layout(restored)) as again:
        entries = [again.log.entry(index) for index in range(again.log.size)]
    assert [each.type for each in entries[:4]] == ["log.continued", *["decision.deny"] * 2, "decision.permit"]
    assert [(each.payload or {})["actor"] for each in entries[1:3]] == ["olga@acme.example"] * 2
    assert [each.type for each in entries].count("decision.deny") == 2
    assert not Layout(restored).unrecorded.exists()
    assert verify_log(restored, lambda _: None)["ok"]


def test_nobody_fills_the_next_log_by_being_denied(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unrecorded, "MOST_DENIALS", 2)
    hire(office.layout.home, "olga", roles="operator")
    back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)

    for _ in range(4):
        assert "denied" in continue_restored(restored, who="olga", reason="mine now")

    assert len(unrecorded.kept_events(Layout(restored))) == 2


@pytest.mark.parametrize("cut", ["begin_log", "finish_opening"])
def test_a_permit_to_continue_is_asked_for_once_and_not_lost_in_a_crash(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    back_up(office, tmp_path / "b.tar")
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "b.tar", restored)
    shutil.copytree(office.layout.keys, restored / "keys")

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(continuing, cut, crash)
        with pytest.raises(KeyboardInterrupt):
            continue_restored(restored, who="sec", reason="the disk failed")

    continue_restored(restored, who="sec", reason="the disk failed")

    with Office(Layout(restored)) as again:
        types = [again.log.entry(index).type for index in range(again.log.size)]
    assert types[:2] == ["log.continued", "decision.permit"]
    assert types.count("decision.permit") == 1
    assert verify_log(restored, lambda _: None)["ok"]


def test_a_backup_is_whole_while_events_are_recorded(office: Office, tmp_path: Path) -> None:
    stop = threading.Event()

    def record() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            office.log.record(Event(id=f"e{number}", type="artifact.viewed", actor="ben", payload={"n": number}))

    writer = threading.Thread(target=record)
    writer.start()
    try:
        sizes = [back_up(office, tmp_path / f"{number}.tar")["log"]["size"] for number in range(3)]
    finally:
        stop.set()
        writer.join()

    assert sizes == sorted(sizes)
    assert [verify_backup(tmp_path / f"{number}.tar")["log"]["size"] for number in range(3)] == sizes


def test_who_may_not_govern_makes_no_backup(office: Office, tmp_path: Path) -> None:
    hire(office.layout.home, "olga", roles="operator")

    assert "denied" in ask(office, "backup.create", who="olga", file=str(tmp_path / "b.tar"))
    assert not (tmp_path / "b.tar").exists()


def test_the_store_goes_along_when_asked(office: Office, tmp_path: Path) -> None:
    sealed = office.layout.store / "packs" / "0001"
    sealed.parent.mkdir(parents=True)
    sealed.write_bytes(b"sealed")

    back_up(office, tmp_path / "without.tar")
    back_up(office, tmp_path / "with.tar", store=True)
    restore_backup(tmp_path / "with.tar", tmp_path / "restored")

    assert verify_backup(tmp_path / "without.tar")["store"] == {"files": 1, "included": False}
    assert "workspace/state/store/packs/0001" not in members(tmp_path / "without.tar")
    assert (Layout(tmp_path / "restored").store / "packs" / "0001").read_bytes() == b"sealed"


def test_neither_a_backup_nor_a_restore_goes_over_anything(office: Office, tmp_path: Path) -> None:
    file, folder = tmp_path / "b.tar", tmp_path / "full"
    file.write_text("mine")
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        back_up(office, file)
    back_up(office, tmp_path / "c.tar")
    with pytest.raises(UsageError, match="not an empty folder"):
        restore_backup(tmp_path / "c.tar", folder)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not an empty folder"):
        restore_backup(tmp_path / "c.tar", tmp_path / "link")

    assert file.read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_backup_of_a_damaged_log_leaves_nothing(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with closing(sqlite3.connect(office.layout.audit_database, isolation_level=None)) as db:
        db.execute("UPDATE payload SET body = ? WHERE idx = 0", (b"{}",))

    with pytest.raises(IntegrityError, match="log does not verify"):
        back_up(office, target / "b.tar")

    assert list(target.iterdir()) == []


def test_a_log_that_was_altered_inside_a_backup_is_found_out(office: Office, tmp_path: Path) -> None:
    back_up(office, tmp_path / "b.tar")

    def alter(held: dict[str, bytes]) -> None:
        path = tmp_path / "audit.db"
        path.write_bytes(held["workspace/state/audit.db"])
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("DELETE FROM payload WHERE idx = 0")
        held["workspace/state/audit.db"] = path.read_bytes()

    with pytest.raises(IntegrityError, match="its payload is missing"):
        restore_backup(rewritten(tmp_path / "b.tar", alter), tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize(
    "name",
    [
        "workspace/../evil",
        "workspace//evil",
        "workspace/./evil",
        "/etc/evil",
        "../evil",
        "evil",
        "workspace/",
        "workspace/a\\b",
        "workspace/a\nb",
        "workspace/" + "a" * 256,
        "workspace/" + "a/" * 2100 + "a",
        "workspace/keys/log.pem",
        "workspace/lading.toml",
    ],
)
def test_a_hostile_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    held = [("workspace/lading.toml", b""), (name, b"x"), ("backup.json", canonical({"format": "lading/backup/v1"}))]
    file = archived(tmp_path / "evil.tar", held)

    with pytest.raises(IntegrityError):
        restore_backup(file, tmp_path / "in" / "restored")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_only_regular_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    odd = tarfile.TarInfo("workspace/odd")
    odd.type, odd.linkname = kind, "/etc/passwd"

    with pytest.raises(IntegrityError, match="no regular file"):
        verify_backup(archived(tmp_path / "odd.tar", list(members(GOLDEN).items()), odd))


def test_what_the_manifest_does_not_name_and_what_follows_it_is_refused(tmp_path: Path) -> None:
    held = list(members(GOLDEN).items())
    more = ("workspace/more", b"x")

    with pytest.raises(IntegrityError, match="'more' is"):
        verify_backup(archived(tmp_path / "more.tar", [more, *held]))
    with pytest.raises(IntegrityError, match=r"stands after backup\.json"):
        verify_backup(archived(tmp_path / "after.tar", [*held, more]))
    with pytest.raises(IntegrityError, match=r"has no backup\.json"):
        verify_backup(archived(tmp_path / "without.tar", held[:-1]))
    with pytest.raises(IntegrityError, match=r"is None, backup\.json says"):
        verify_backup(archived(tmp_path / "less.tar", held[1:]))


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["workspace/a", "workspace/a/b"], "lies beneath another"),
        (["workspace/a/b", "workspace/a"], "lies beneath another"),
        (["workspace/" + "\u6771" * 200], "expected files of a workspace"),
        (["workspace/" + "a/" * 1000 + "a"], "expected files of a workspace"),
    ],
    ids=["file as folder", "folder as file", "long in bytes", "deep"],
)
def test_names_that_no_workspace_can_have_are_refused(tmp_path: Path, names: list[str], why: str) -> None:
    file = archived(tmp_path / "odd.tar", [(name, b"x") for name in names])

    with pytest.raises(IntegrityError, match=why):
        verify_backup(file)
    with pytest.raises(IntegrityError, match=why):
        restore_backup(file, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("path", [1, None, ["a"], {}])
def test_a_manifest_with_names_that_are_no_text_is_refused(tmp_path: Path, path: object) -> None:
    manifest = {"format": "lading/backup/v1", "files": [{"path": path, "size": 1, "sha256": "0" * 64}]}
    held = [("workspace/a", b"x"), ("backup.json", canonical(manifest))]  # type: ignore[arg-type]

    with pytest.raises(IntegrityError, match="names its files otherwise"):
        verify_backup(archived(tmp_path / "odd.tar", held))


def test_a_backup_of_a_later_format_is_told_apart(tmp_path: Path) -> None:
    file = archived(tmp_path / "later.tar", [("backup.json", canonical({"format": "lading/backup/v2"}))])

    with pytest.raises(InputError, match="expected lading/backup/v1"):
        verify_backup(file)


def test_a_backup_that_was_cut_or_continued_is_refused(tmp_path: Path) -> None:
    whole, file = GOLDEN.read_bytes(), tmp_path / "b.tar"
    for cut in (0, 1, 511, 512, 5000, len(whole) // 2, 72_500):
        file.write_bytes(whole[:cut])
        with pytest.raises(IntegrityError):
            verify_backup(file)
    file.write_bytes(whole + b"more")
    with pytest.raises(IntegrityError, match="after its end"):
        verify_backup(file)


def test_no_flipped_bit_changes_what_is_restored_unseen(tmp_path: Path) -> None:
    whole, file = GOLDEN.read_bytes(), tmp_path / "b.tar"
    expected, chance = members(GOLDEN), random.Random(7)  # noqa: S311 - places, not secrets
    for _ in range(150):
        place = chance.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        try:
            verify_backup(file)
        except LadingError:
            continue
        assert members(file) == expected, place


def test_the_golden_backup_verifies() -> None:
    report = verify_backup(GOLDEN)

    assert (report["organization"], report["log"]["size"], report["files"]) == ("acme.example", 13, 5)
    manifest = members(GOLDEN)["backup.json"]
    assert sha256(manifest) == "56dfbf1a57364586b9d20b612aaab452a081170f982a3b11f91afffcd65da01d"
