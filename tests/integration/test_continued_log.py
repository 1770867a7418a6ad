"""A log that was restored from a backup goes on under the next origin, and partners follow."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.audit.checkpoint import read_checkpoint
from engine.audit.continuation import check_continuation, continued, last_cosigned, next_origin
from engine.audit.entry import Entry
from engine.audit.log import AuditLog
from engine.demo.model import make_model
from engine.errors import InputError, LogTampered, OwnerBusy
from engine.signing.trust_document import fingerprint
from engine.workspace.log.record import verify_log
from engine.workspace.origins.continuing import continue_log, verify_continuations
from engine.workspace.owner import owning
from engine.workspace.witness.round import WitnessRound
from tests.integration.simulator import ACME, PartnerSimulator
from tests.unit.audit.conftest import Acme, Borealis, acme, borealis

__all__ = ["acme", "borealis"]

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"
ADA = "ada@acme.example"


@pytest.fixture(autouse=True)
def every_payload_is_as_documented(recorded: list[object]) -> Iterator[None]:
    """Let payloads be anything: the entries here only make logs longer."""
    yield
    recorded.clear()


def test_a_restored_log_goes_on_under_the_next_origin(tmp_path: Path) -> None:
    two = PartnerSimulator(tmp_path / "two", SAMPLE)
    acme, borealis = two.acme, two.borealis
    WitnessRound(acme.office).run()
    backup = tmp_path / "audit.db"
    acme.close()
    shutil.copy(acme.office.layout.audit_database, backup)
    acme.open()
    assert two.send(packed(two, tmp_path, "before"))["state"] == "completed"
    witnessed = borealis.office.witness.last(f"{ACME}/lading/audit/0")
    assert witnessed is not None
    acme.close()
    shutil.copy(backup, acme.office.layout.audit_database)
    assert not verify_log(acme.home, lambda _: None)["ok"]

    done = continue_log(acme.home, actor=ADA, reason="the disk died", clock=acme.clock)

    assert (done["origin"], done["size"]) == (f"{ACME}/lading/audit/1", witnessed.size)
    assert verify_log(acme.home, lambda _: None)["ok"]
    (former,) = verify_continuations(acme.home)
    assert (former["size"], former["cosigned_by"]) == (witnessed.size, ["borealis.example/lading/witness"])
    acme.open()
    data = (acme.home / "trust" / "own" / "trust.json").read_bytes()
    document = borealis.office.trust.add_pending(data, now=borealis.clock())
    borealis.office.trust.confirm(ACME, fingerprint(document), now=borealis.clock())
    assert two.send(packed(two, tmp_path, "after"))["state"] == "completed"
    assert borealis.office.witness.last(f"{ACME}/lading/audit/0") == witnessed
    assert borealis.office.witness.last(f"{ACME}/lading/audit/1") is not None
    assert read_checkpoint(borealis.office.newest_checkpoint(ACME).encode()).origin == f"{ACME}/lading/audit/1"
    assert acme.ask("trust.issue")["changed"] is False
    two.close()


def test_a_crash_between_is_finished_by_calling_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = PartnerSimulator(tmp_path / "two", SAMPLE)
    home = two.acme.home
    two.acme.close()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("engine.workspace.origins.opening.issue_document", crash)
        with pytest.raises(KeyboardInterrupt):
            continue_log(home, actor=ADA, reason="a test", clock=two.acme.clock)
    done = continue_log(home, actor=ADA, reason="a test", clock=two.acme.clock)

    assert done["origin"] == f"{ACME}/lading/audit/1"
    assert verify_log(home, lambda _: None)["ok"]
    assert len(verify_continuations(home)) == 1
    with owning(two.acme.office.layout.lock), pytest.raises(OwnerBusy):
        continue_log(home, actor=ADA, reason="a test", clock=two.acme.clock)
    two.borealis.close()


def test_nobody_continues_from_before_what_was_cosigned(acme: Acme, borealis: Borealis) -> None:
    with acme.open() as log:
        log.record_many(acme.events(2))
        early = borealis.cosign(log)
        log.record_many(acme.events(3, start=2))
        late = borealis.cosign(log)
    keys = [acme.key, borealis.key]
    assert last_cosigned([early, late], keys) == late
    origin = next_origin(acme.origin)

    honest = first_entry(acme, "honest", late)
    cut = first_entry(acme, "cut", early)

    assert check_continuation(origin, honest, keys, [early, late]).checkpoint.size == 5
    with pytest.raises(LogTampered, match="5 were cosigned"):
        check_continuation(origin, cut, keys, [early, late])
    with pytest.raises(LogTampered, match="not the origin before"):
        check_continuation(next_origin(origin), honest, keys, [late])
    with pytest.raises(InputError, match="no origin"):
        next_origin("acme.example/else")


def first_entry(acme: Acme, name: str, last: bytes) -> Entry:
    path = acme.folder / f"{name}.db"
    with AuditLog(
        path,
        origin=next_origin(acme.origin),
        key=acme.private,
        pseudonym_key=b"p" * 32,
        source="urn:lading:acme.example",
        clock=acme.clock,
    ) as log:
        log.record(continued(last, actor=ADA, reason="a test", restored=0))
        return log.entry(0)


def packed(two: PartnerSimulator, folder: Path, name: str) -> str:
    source = make_model(folder / name, size=1 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])
