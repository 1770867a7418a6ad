"""A snapshot: the files of a policy folder, whole, under the digest that the bundle has."""

import shutil
from pathlib import Path

import pytest

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.rollout import snapshot as module
from engine.policy.rollout.snapshot import Snapshot
from tests.unit.policy.worlds import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "policies", tmp_path / "policies"))


def test_a_snapshot_has_the_digest_of_the_bundle_it_holds(folder: Path) -> None:
    assert Snapshot.read(folder).digest == PolicyBundle.load(folder).digest


def test_a_changed_suite_changes_what_judges_and_not_what_decides(folder: Path) -> None:
    before = Snapshot.read(folder)
    suite = folder / "tests" / "people.yaml"

    suite.write_text(suite.read_text() + "\n# seen\n")

    after = Snapshot.read(folder)
    assert (after.digest == before.digest, after.gate == before.gate) == (True, False)


def test_what_was_kept_unfolds_to_the_same_bytes(folder: Path) -> None:
    kept = Snapshot.parse(Snapshot.read(folder).write())

    with kept.unfolded() as unfolded:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            assert (unfolded / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_line_ends_are_kept_as_they_are(folder: Path) -> None:
    (folder / "crlf.cedar").write_bytes(b"// one\r\n// two\r\n")

    with Snapshot.parse(Snapshot.read(folder).write()).unfolded() as unfolded:
        assert (unfolded / "crlf.cedar").read_bytes() == b"// one\r\n// two\r\n"


def test_what_an_editor_leaves_beside_a_file_is_not_part_of_it(folder: Path) -> None:
    before = Snapshot.read(folder)

    (folder / ".use.cedar.swp").write_bytes(b"\xff\x00")
    (folder / "use.cedar~").write_text("old")

    assert Snapshot.read(folder) == before


def test_a_file_that_vanishes_while_it_is_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_paths", lambda _: iter([folder / "gone.cedar"]))

    with pytest.raises(PolicyError, match=r"gone\.cedar vanished"):
        Snapshot.read(folder)


def test_a_link_that_leads_out_of_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("api-token: s3cr3t")
    (folder / "tests" / "leak.yaml").symlink_to(tmp_path / "token")

    with pytest.raises(PolicyError, match=r"leak\.yaml cannot be read"):
        Snapshot.read(folder)


def test_a_folder_is_limited_as_a_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SNAPSHOT_BYTES", 1000)

    with pytest.raises(PolicyError, match="more than 1000 bytes"):
        Snapshot.read(folder)


def test_a_file_that_is_no_text_is_named_with_the_byte(folder: Path) -> None:
    (folder / "noise.cedar").write_bytes(b"permit\xff")

    with pytest.raises(PolicyError, match=r"noise\.cedar: byte 6 is not UTF-8"):
        Snapshot.read(folder)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 100)

    with pytest.raises(PolicyError, match="more than 100 bytes"):
        Snapshot.read(folder)
