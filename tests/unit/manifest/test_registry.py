"""The registry: one version is one content for ever, and what was received is not free until it is released."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import update

from engine.database import open_engine, open_read_only
from engine.errors import InputError, IntegrityError, ManifestError, WorkspaceError
from engine.manifest import ChunkMap, Manifest, Packed, tables
from engine.manifest.artifact import Artifact, Known, resolve
from engine.manifest.registry import Registry
from engine.manifest.registry_reader import RegistryReader
from tests.unit.manifest.builders import CREATED, Watch, chunks_of, manifest_of

AGREEMENT = "a9" * 32


def artifact_of(content: bytes = b"weights", **fields: Any) -> tuple[Manifest, ChunkMap]:
    files = {"model.bin": content}
    return manifest_of(files=files, **fields), chunks_of(files)


def pack_into(registry: Registry, content: bytes = b"weights", **fields: Any) -> Artifact:
    return registry.add_packed(Packed(*artifact_of(content, **fields)), Path("/models/sentiment"), "ada@acme.example")


def receive_into(registry: Registry, content: bytes = b"weights", *, transfer: str = "tr-1", **fields: Any) -> Artifact:
    manifest, chunks = artifact_of(content, **fields)
    return registry.add_received(manifest, chunks, transfer, AGREEMENT, manifest.organization)


def test_what_was_packed_is_held_with_its_source(registry: Registry) -> None:
    held = pack_into(registry)
    manifest, chunks = artifact_of()
    assert held == registry.get(manifest.root)
    assert (held.manifest, held.chunks, held.root) == (manifest, chunks, manifest.root)
    assert (held.label, held.origin, held.state) == ("sentiment:3.1", "acme.example", "packed")
    assert (held.source, held.actor) == (Path("/models/sentiment"), "ada@acme.example")
    assert (held.transfer, held.agreement) == (None, None)
    assert held.added == CREATED.replace(hour=13)


def test_packing_the_same_again_changes_nothing(registry: Registry) -> None:
    first = pack_into(registry)
    assert pack_into(registry, created="2027-01-01T00:00:00Z") == first
    assert registry.list() == (first,)


def test_a_folder_that_moved_is_remembered_at_its_new_place(registry: Registry) -> None:
    first = pack_into(registry)
    again = registry.add_packed(
        Packed(*artifact_of(created="2027-01-01T00:00:00Z")), Path("/moved"), "bob@acme.example"
    )
    assert again.source == Path("/moved")
    assert again.manifest == first.manifest  # what was signed stays as it was signed


def test_a_source_with_an_odd_name_is_remembered_exactly(registry: Registry) -> None:
    odd = Path("/models/bad\udcff")
    assert registry.add_packed(Packed(*artifact_of()), odd, "ada@acme.example").source == odd


def test_describing_the_same_files_better_replaces_the_description(registry: Registry) -> None:
    first = pack_into(registry)
    better = pack_into(registry, licence="MIT")
    assert better.root == first.root
    assert better.manifest.licence == "MIT"
    assert registry.list() == (better,)


def test_a_version_never_stands_for_other_files(registry: Registry) -> None:
    first = pack_into(registry)
    with pytest.raises(ManifestError, match=f"stands for the root {first.root}") as caught:
        pack_into(registry, b"other weights")
    assert "new version" in caught.value.remedy
    with pytest.raises(ManifestError, match="stands for the root"):
        receive_into(registry, b"other weights")
    assert registry.list() == (first,)


def test_the_same_files_are_not_held_under_two_names(registry: Registry) -> None:
    pack_into(registry)
    with pytest.raises(ManifestError, match=r"held as sentiment:3\.1 of acme\.example") as caught:
        pack_into(registry, version="3.2")
    assert "sentiment:3.1" in caught.value.remedy


def test_whether_a_version_is_free_can_be_asked_before_anything_is_signed(registry: Registry) -> None:
    held = pack_into(registry)
    registry.check_free(held.manifest)
    registry.check_free(artifact_of(b"newer", version="3.2")[0])
    with pytest.raises(ManifestError, match="stands for the root"):
        registry.check_free(artifact_of(b"other weights")[0])
    with pytest.raises(ManifestError, match="exactly these files"):
        registry.check_free(artifact_of(version="3.2")[0])
    assert registry.list() == (held,)


def test_two_organizations_may_use_the_same_name(registry: Registry) -> None:
    own = pack_into(registry)
    other = receive_into(registry, b"theirs", organization="borealis.example")
    assert registry.list() == (own, other)
    with pytest.raises(InputError, match="names 2 artifacts") as caught:
        registry.get("sentiment:3.1")
    assert own.root[:16] in caught.value.remedy
    assert "borealis.example" in caught.value.remedy
    assert registry.get(other.root[:8]) == other


def test_what_was_received_is_quarantined_under_its_agreement(registry: Registry) -> None:
    held = receive_into(registry)
    assert (held.state, held.transfer, held.agreement) == ("quarantined", "tr-1", AGREEMENT)
    assert (held.source, held.actor) == (None, None)


def test_the_same_transfer_again_changes_nothing(registry: Registry) -> None:
    held = receive_into(registry)
    released = registry.set_state(held.root, "released")
    assert receive_into(registry) == released


def test_another_transfer_of_the_same_artifact_is_quarantined_again(registry: Registry) -> None:
    registry.set_state(receive_into(registry).root, "released")
    again = receive_into(registry, transfer="tr-2")
    assert (again.state, again.transfer) == ("quarantined", "tr-2")


def test_what_was_packed_here_and_comes_back_stays_packed(registry: Registry) -> None:
    own = pack_into(registry)
    assert receive_into(registry) == own


@pytest.mark.parametrize(
    "path", [["released"], ["rejected"], ["released", "quarantined", "rejected", "quarantined"], ["quarantined"]]
)
def test_received_artifacts_go_through_states(registry: Registry, path: list[Any]) -> None:
    root = receive_into(registry).root
    assert [registry.set_state(root, state).state for state in path] == path
    assert registry.get(root).state == path[-1]


@pytest.mark.parametrize(("first", "then"), [("rejected", "released"), ("released", "packed")])
def test_some_states_do_not_follow_each_other(registry: Registry, first: Any, then: Any) -> None:
    root = receive_into(registry).root
    registry.set_state(root, first)
    with pytest.raises(InputError, match=f"is {first} and cannot become {then}"):
        registry.set_state(root, then)
    with pytest.raises(InputError, match="no artifact"):
        registry.set_state("0" * 64, "released")


def test_what_was_packed_here_has_no_quarantine(registry: Registry) -> None:
    root = pack_into(registry).root
    with pytest.raises(InputError, match="is packed and cannot become rejected"):
        registry.set_state(root, "rejected")


def test_an_artifact_is_found_by_label_root_or_the_beginning_of_it(registry: Registry) -> None:
    held = pack_into(registry)
    assert registry.get("sentiment:3.1") == registry.get(held.root) == registry.get(held.root[:8]) == held


@pytest.mark.parametrize(
    ("ref", "remedy"),
    [
        ("sentiment", "sentiment:3.1 or sentiment:3.2"),
        ("sentiment:9", "sentiment:3.1 or sentiment:3.2"),
        ("sentimnt:3.1", "sentiment:3.1"),
        ("0" * 64, "lading artifact list"),
        ("abc", "lading artifact list"),
        ("", "lading artifact list"),
        ("%", "lading artifact list"),
    ],
)
def test_an_unknown_reference_lists_what_is_near(registry: Registry, ref: str, remedy: str) -> None:
    pack_into(registry)
    pack_into(registry, b"newer", version="3.2")
    with pytest.raises(InputError, match="no artifact") as caught:
        registry.get(ref)
    assert remedy in caught.value.remedy


def test_a_beginning_shared_by_two_is_ambiguous() -> None:
    held = [Known("ab" * 4 + str(i) * 56, f"m:{i}", "acme.example") for i in range(2)]
    with pytest.raises(InputError, match="names 2 artifacts"):
        resolve("ab" * 4, held)
    assert resolve("ab" * 4 + "0", held) == held[0].root


def test_screens_read_while_the_owner_writes(registry: Registry, tmp_path: Path) -> None:
    engine = open_read_only(tmp_path / "state" / "registry.db")
    reader = RegistryReader(engine)
    assert reader.list() == ()
    held = pack_into(registry)
    assert reader.list() == (held,)
    assert reader.get(held.label) == held
    engine.dispose()


def test_everything_is_there_after_a_restart(registry: Registry, tmp_path: Path) -> None:
    held = receive_into(registry)
    engine = open_engine(tmp_path / "state" / "registry.db")
    assert Registry(engine, Watch()).list() == (held,)
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"version": "9"},
        {"manifest": b"{}"},
        {"manifest": manifest_of(files={"model.bin": b"evil"}).canonical()},
        {"chunks": chunks_of({"model.bin": b"evil"}).canonical()},
        {"root": "0" * 64},
    ],
)
def test_a_row_that_somebody_edited_is_not_believed(registry: Registry, change: dict[str, Any]) -> None:
    pack_into(registry)
    with registry._engine.begin() as connection:
        connection.execute(update(tables.artifact).values(change))
    with pytest.raises(IntegrityError, match="was changed"):
        registry.list()


def test_a_registry_of_a_newer_lading_is_not_opened(registry: Registry) -> None:
    with registry._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(WorkspaceError, match="9999"):
        Registry(registry._engine, Watch())


def test_the_migrations_make_exactly_the_tables_the_code_expects(registry: Registry) -> None:
    with registry._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
