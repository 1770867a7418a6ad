"""The key of a log is rotated: the log ends whole, the next one goes on, partners follow, and old evidence holds."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine.audit.checkpoint import read_checkpoint
from engine.audit.continuation import check_end, ended
from engine.audit.note import NoteKey
from engine.custody.account import verify_bill
from engine.demo.model import make_model
from engine.digest import sha256
from engine.errors import InputError, Interrupted, LadingError, LogTampered, OwnerBusy, UsageError, WorkspaceError
from engine.signing.trust_document import fingerprint
from engine.workspace.keeping.restoring import continue_restored, restore_backup
from engine.workspace.layout import Layout
from engine.workspace.log.derived import check_derived
from engine.workspace.log.export import check_exported, export_log
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import newest_checkpoint, prove_entry, show_entry, verify_log
from engine.workspace.office import Office
from engine.workspace.origins import opening, rotating
from engine.workspace.origins.continuing import verify_continuations
from engine.workspace.origins.rotating import rotate_key
from engine.workspace.owner import owning
from engine.workspace.witness.round import WitnessRound
from tests.integration.simulator import ACME, BOREALIS, Clock, Linked, PartnerSimulator, Side

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"
FORMER, NEXT = f"{ACME}/lading/audit/0", f"{ACME}/lading/audit/1"
Rotate = Callable[..., Any]


def breaks() -> None:
    raise Interrupted("the line broke", remedy="Try again.")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Clock]:
    """Both workspaces as confirmed partners, to be copied, and the clock they were made by."""
    pair = PartnerSimulator(tmp_path_factory.mktemp("rotation") / "two", SAMPLE)
    pair.close()
    return pair.folder, pair.clock


@pytest.fixture
def two(tmp_path: Path, founded: tuple[Path, Clock]) -> Iterator[PartnerSimulator]:
    shutil.copytree(founded[0], tmp_path / "two", ignore=shutil.ignore_patterns("*.sock"))
    pair = PartnerSimulator(tmp_path / "two", SAMPLE, founded[1])
    yield pair
    pair.close()


@pytest.fixture
def rotate(two: PartnerSimulator, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    """Rotate Acme's key as its command does: no gateway runs, partners are reached by links."""
    office = two.acme.office
    monkeypatch.setattr(rotating, "Dialing", lambda *_: Linked(office, two.acme.links))

    def run(**more: Any) -> Any:
        two.acme.close()
        try:
            return rotate_key(two.acme.home, **({"who": "sec", "reason": "yearly", "clock": two.clock} | more))
        finally:
            if not Layout(two.acme.home).opening.exists():
                two.acme.open()

    return run


def packed(two: PartnerSimulator, name: str) -> str:
    source = make_model(two.folder / name, size=1 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])


def follow(two: PartnerSimulator) -> None:
    """Have Borealis confirm Acme's newest trust document."""
    trust = two.borealis.office.trust
    data = (two.acme.home / "trust" / "own" / "trust.json").read_bytes()
    trust.confirm(ACME, fingerprint(trust.add_pending(data, now=two.clock())), now=two.clock())
    two.borealis.restart()


def bill_of(side: Side, transfer: str) -> bytes:
    return str(side.ask("bill.create", transfer=transfer, renew=True)["bill"]).encode()


def test_a_former_log_is_asked_by_its_origin(two: PartnerSimulator, rotate: Rotate, tmp_path: Path) -> None:
    sent = two.send(packed(two, "before"))
    home, file = two.acme.home, tmp_path / "evidence.jsonl"
    before = ask_log(home, Question(text=f'transfer:{sent["id"]} "evaluation"', prove=True))
    assert before["entries"]
    rotate()

    assert ask_log(home, Question(text=f"transfer:{sent['id']}"))["entries"] == []
    for origin in (FORMER, "0"):
        found = ask_log(home, Question(text=f'transfer:{sent["id"]} "evaluation"', prove=True, origin=origin))
        assert (found["entries"], found["searched"]) == (before["entries"], "every leaf")
    index = found["entries"][0]["index"]  # type: ignore[index,call-overload]
    assert show_entry(home, index, FORMER)["public"]["transfer"] == sent["id"]  # type: ignore[index,call-overload]
    assert FORMER in str(prove_entry(home, index, "0")["proof"])
    assert newest_checkpoint(home, "0").startswith(f"{FORMER}\n")
    assert newest_checkpoint(home, "1") == newest_checkpoint(home)
    export_log(home, "type:transfer.*", "jsonl", proofs=True, output=file, write=str, origin="0")
    former = two.acme.office.log_keys(ACME)[1]
    assert check_exported(file, [former.vkey])["origins"] == [FORMER]


def test_a_log_that_is_not_known_or_not_here_is_named(two: PartnerSimulator, rotate: Rotate) -> None:
    rotate()

    with pytest.raises(UsageError, match="no log of this organization is called '7'"):
        show_entry(two.acme.home, 0, "7")
    two.acme.close()
    (two.acme.home / "state" / "audit-0.db").unlink()
    with pytest.raises(InputError, match=r"audit-0\.db is missing"):
        show_entry(two.acme.home, 0, "0")
    two.acme.open()


def test_nothing_derived_from_the_former_log_is_taken_for_the_next_ones(two: PartnerSimulator, rotate: Rotate) -> None:
    assert ask_log(two.acme.home, Question(text='"acme"'))["searched"] == "full-text index"
    assert Layout(two.acme.home).search_database.exists()

    rotate()

    found = check_derived(two.acme.home, lambda _: None)
    assert (found["ok"], found["problems"]) == (True, [])


def test_a_log_ends_and_the_next_goes_on_under_a_new_key(two: PartnerSimulator, rotate: Rotate) -> None:
    before = two.send(packed(two, "before"))
    old = (two.acme.home / "keys" / "log.pem").read_bytes()
    bill = bill_of(two.acme, before["id"])
    size = two.acme.office.log.size

    done = rotate()

    assert (done["former"], done["origin"], done["version"]) == (FORMER, NEXT, 3)
    assert (done["cosigned_by"], done["not_cosigned_by"], done["third_parties"]) == ([BOREALIS], [], [])
    assert verify_log(two.acme.home, lambda _: None)["origin"] == NEXT
    [former] = verify_continuations(two.acme.home)
    assert (former["rotated"], former["problems"], former["size"]) == (True, [], done["size"])
    assert former["cosigned_by"] == [f"{BOREALIS}/lading/witness"]
    last = two.acme.office.logs.numbered(0)
    assert last is not None
    assert done["size"] > size
    ended = last.entry(done["size"] - 1)
    assert ended.payload == {"actor": "sec@acme.example", "key": done["key"], "origin": NEXT, "reason": "yearly"}
    witnessed = two.borealis.office.witness.last(FORMER)
    assert witnessed is not None
    assert witnessed.size == done["size"]
    first = two.acme.office.log.entry(0)
    assert first.payload is not None
    assert (first.type, first.payload["size"], "restored" in first.payload) == ("log.continued", done["size"], False)
    keys = two.acme.home / "keys"
    assert (keys / "log-0.pem").read_bytes() == old != (keys / "log.pem").read_bytes()
    assert verify_bill(bill, two.acme.home / "trust").grade == "bilateral"
    assert rotate() == done
    assert rotate(reason="again")["former"] == NEXT


def test_partners_follow_once_they_confirmed(two: PartnerSimulator, rotate: Rotate) -> None:
    before = two.send(packed(two, "before"))
    bill = bill_of(two.acme, before["id"])
    rotate()
    with suppress(LadingError):
        assert two.send(packed(two, "too-early"))["state"] != "completed"

    follow(two)

    assert two.send(packed(two, "after"))["state"] == "completed"
    witnessed = two.borealis.office.witness.last(NEXT)
    assert witnessed is not None
    assert read_checkpoint(two.borealis.office.newest_checkpoint(ACME).encode()).origin == NEXT
    for trust in (two.acme.home / "trust", two.borealis.home / "trust"):
        assert verify_bill(bill, trust).grade == "bilateral"
        assert verify_bill(bill_of(two.acme, before["id"]), trust).grade == "bilateral"
    assert verify_bill(bill_of(two.borealis, before["id"]), two.borealis.home / "trust").grade == "bilateral"
    two.acme.restart()
    two.borealis.restart()
    WitnessRound(two.borealis.office).run()
    WitnessRound(two.acme.office).run()
    assert not list((two.borealis.home / "state").glob("forks/*"))
    assert [key.name for key in two.borealis.office.log_keys(ACME)] == [NEXT, FORMER]
    assert two.acme.ask("trust.issue")["changed"] is False


def test_who_does_not_answer_does_not_keep_the_log_from_ending(two: PartnerSimulator, rotate: Rotate) -> None:
    two.send(packed(two, "before"))
    two.link.before = lambda _: breaks()

    done = rotate(forget=True)

    assert (done["cosigned_by"], done["not_cosigned_by"], done["old_key"]) == ([], [BOREALIS], None)
    assert not (two.acme.home / "keys" / "log-0.pem").exists()
    assert [each["problems"] for each in verify_continuations(two.acme.home)] == [[]]
    two.link.before = lambda _: None
    follow(two)
    assert two.send(packed(two, "after"))["state"] == "completed"
    WitnessRound(two.borealis.office).run()
    assert not list((two.borealis.home / "state").glob("forks/*"))


def test_only_who_may_govern_rotates_and_nothing_under_way_is_torn_apart(two: PartnerSimulator, rotate: Rotate) -> None:
    assert "denied" in rotate(who="olga")
    assert two.acme.office.origin == FORMER
    two.link.before = lambda name: breaks() if name == "commit" else None
    with suppress(LadingError):
        two.send(packed(two, "half"), patience=0)
    with pytest.raises(UsageError, match="under way: tr-"):
        rotate()
    with owning(Layout(two.acme.home).lock), pytest.raises(OwnerBusy) as busy:
        rotate_key(two.acme.home, who="sec", reason="yearly", clock=two.clock)
    assert busy.value.remedy.startswith("Stop the gateway")
    assert rotate(open_transfers=True)["origin"] == NEXT


STEPS = (
    "make_next_key",
    "write_atomic",
    "continued",
    "_settle",
    "sync_folder",
    "issue_document",
    "Remembered",
    "take_next_key",
)
"""What is called between one durable step and the next."""


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("afterwards", [False, True])
def test_a_crash_at_any_step_is_finished_by_doing_it_again(
    two: PartnerSimulator, rotate: Rotate, monkeypatch: pytest.MonkeyPatch, step: str, *, afterwards: bool
) -> None:
    two.acme.ask("hold.place", who="sec", name="case-7", covers={"filter": "type:*"}, reason="letter")
    write = getattr(opening, step)

    def crash(*given: object, **named: object) -> None:
        if afterwards:
            write(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(opening, step, crash)
        with pytest.raises(KeyboardInterrupt):
            rotate()
    if Layout(two.acme.home).opening.exists():
        with Office(Layout(two.acme.home), two.clock) as office, pytest.raises(WorkspaceError, match="being opened"):
            _ = office.log

    done = rotate()

    assert (done["origin"], done["holds"]) == (NEXT, ["case-7"])
    assert verify_log(two.acme.home, lambda _: None)["ok"]
    [former] = verify_continuations(two.acme.home)
    assert (former["problems"], former["size"]) == ([], done["size"])
    keys = {path.name for path in (two.acme.home / "keys").glob("log*")}
    assert keys == {"log.pem", "log-0.pem"}
    assert two.acme.office.trust.own().version == done["version"] == 3


def test_a_former_log_that_goes_on_or_is_changed_is_found_out(two: PartnerSimulator, rotate: Rotate) -> None:
    rotate()
    layout = Layout(two.acme.home)
    kept = layout.former_log(0)
    former = NoteKey.parse(two.acme.office.trust.own().log_keys[1])
    old = opening.signing_key(layout.keys, "log-0")
    with opening.open_log(layout, former, old, two.clock, kept) as log:
        log.record(ended(NEXT, former, actor="sec@acme.example", reason="more"))

    [found] = verify_continuations(two.acme.home)

    assert "names its end" in found["problems"][0]["message"]
    kept.unlink()
    assert [each["kept"] for each in verify_continuations(two.acme.home)] == [None]


def test_who_decides_is_known_from_the_former_log(two: PartnerSimulator, rotate: Rotate) -> None:
    rotate()
    rotate(reason="again")
    two.acme.close()
    layout = Layout(two.acme.home)
    layout.policy_database.unlink()
    policy = next(layout.policies.rglob("*.cedar"))
    policy.write_text(policy.read_text() + "\npermit (principal, action, resource);\n")

    with Office(layout, two.clock) as office, pytest.raises(LadingError, match="which the log says decides"):
        _ = office.governance.judge.knows("govern")


def test_a_restored_log_may_go_on_under_a_new_key(two: PartnerSimulator, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    two.acme.ask("backup.create", who="sec", file=str(file))
    restored = tmp_path / "restored"
    restore_backup(file, restored)
    shutil.copytree(two.acme.home / "keys", restored / "keys")
    old = (restored / "keys" / "log.pem").read_bytes()

    done = continue_restored(restored, who="sec", reason="stolen", new_key=True)

    assert done["origin"] == NEXT
    assert (restored / "keys" / "log-0.pem").read_bytes() == old
    assert sha256((restored / "keys" / "log.pem").read_bytes()) != sha256(old)
    assert verify_log(restored, lambda _: None)["origin"] == NEXT
    assert [each["rotated"] for each in verify_continuations(restored)] == [False]


def test_a_backup_older_than_a_rotation_does_not_begin_a_log_twice(
    two: PartnerSimulator, rotate: Rotate, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar"
    two.acme.ask("backup.create", who="sec", file=str(file))
    rotate()
    restored = tmp_path / "restored"
    restore_backup(file, restored)
    shutil.copytree(two.acme.home / "keys", restored / "keys")

    with pytest.raises(UsageError, match="is not the key of"):
        continue_restored(restored, who="sec", reason="a test")


def test_the_end_that_a_log_names_is_checked(two: PartnerSimulator, rotate: Rotate) -> None:
    rotate()
    log = two.acme.office.logs.numbered(0)
    assert log is not None
    other = NoteKey.parse(two.borealis.office.trust.own().log_keys[0])

    with pytest.raises(LogTampered, match="does not name it"):
        check_end(log.entry(log.size - 1), other)
