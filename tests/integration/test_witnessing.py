"""Witnessing among two organizations and a third party: rounds, alarms, and logs that contradict themselves."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.note import NoteKey, NoteSigner, split_note
from engine.audit.remembered import Remembered
from engine.audit.witness import add_checkpoint_body
from engine.demo.model import make_model
from engine.errors import InputError, Interrupted, LadingError, LogTampered
from engine.events import Event, event_id, timestamp
from engine.gateway.third_parties import ThirdParties, ThirdParty
from engine.transfer.evidence import seek_cosignature
from engine.workspace.doctor import examine
from engine.workspace.keys import signing_key
from engine.workspace.log.record import verify_log
from engine.workspace.operations import Call
from engine.workspace.operations.transfers import transfer_parts
from engine.workspace.views import WorkspaceView
from engine.workspace.witness.folder import WitnessFolder
from engine.workspace.witness.forks import check_file, list_forks
from engine.workspace.witness.round import WitnessRound
from engine.workspace.witness.witnessing import known_witnesses, witness_report
from tests.integration.serving import serving
from tests.integration.simulator import ACME, BOREALIS, PartnerSimulator, Side


@pytest.fixture
def archive(tmp_path: Path, two: PartnerSimulator) -> WitnessFolder:
    folder = WitnessFolder.create(tmp_path / "archive", "witness.example")
    folder.add_log(two.acme.office.log.key.vkey)
    return folder


def happen(side: Side, number: int) -> None:
    """Let something happen that is worth a cosignature."""
    id_, actor = event_id("test", "day", number), f"spiffe://{side.org}/gateway"
    side.office.log.record(
        Event(id=id_, type="gateway.started", actor=actor, payload={"at": timestamp(side.office.clock())})
    )


def ask(folder: WitnessFolder) -> Callable[[bytes], tuple[int, bytes]]:
    def answer(body: bytes) -> tuple[int, bytes]:
        with folder.cosigning() as witness:
            said = witness.add_checkpoint(body)
        return said.status, said.body

    return answer


def forged(side: Side, size: int) -> bytes:
    """Return a checkpoint of another history, as an insider with the log's key can sign it."""
    signer = NoteSigner(side.office.origin, signing_key(side.office.layout.keys, "log"))
    text = Checkpoint(side.office.origin, size, b"\x66" * 32).text()
    return text + b"\n" + signer.sign(text)


def test_a_round_has_everybody_cosign_one_checkpoint_and_then_both_logs_rest(
    two: PartnerSimulator, archive: WitnessFolder
) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    acme.ask("witness.pin", name="archive", vkey=archive.key.vkey)
    note = acme.office.log.checkpoint()
    third = ThirdParties(acme.office.log, "spiffe://acme.example/gateway", 30.0, lambda: 0.0)

    third.ask_all([ThirdParty("archive", archive.key, ask(archive))], note)
    WitnessRound(acme.office).run()

    report = witness_report(acme.home, acme.clock())
    assert report["policy"]["witnessed_at"] == read_checkpoint(note).size  # type: ignore[index, call-overload]
    assert verify_log(acme.home, lambda _: None)["ok"]
    rounds = WitnessRound(acme.office), WitnessRound(borealis.office)
    for each in rounds:
        each.run()
    sizes = acme.office.log.size, borealis.office.log.size
    for each in rounds * 2:
        each.run()
    assert (acme.office.log.size, borealis.office.log.size) == sizes


def test_a_gateway_asks_a_third_party_over_http(two: PartnerSimulator, archive: WitnessFolder) -> None:
    acme = two.acme
    with serving(archive.home) as (_, url):
        acme.ask("witness.pin", name="archive", vkey=archive.key.vkey, url=url)
        WitnessRound(acme.office).run()

        report = witness_report(acme.home, acme.clock())

    by_name = {each["name"]: each for each in report["witnesses"]}  # type: ignore[index, call-overload, union-attr]
    assert by_name["archive"]["size"] == by_name[BOREALIS]["size"] == archive.cosigned()[acme.office.origin]
    assert report["policy"]["needed"] == ["archive"]  # type: ignore[index, call-overload]
    view = WorkspaceView(acme.home).log.checkpoint()
    assert view is not None
    assert set(view.cosigned_by) == {"borealis.example/lading/witness", "witness.example"}


def test_a_witness_that_is_late_is_an_alarm_once_until_it_cosigns(two: PartnerSimulator) -> None:
    acme, rounds = two.acme, WitnessRound(two.acme.office)
    rounds.run()
    happen(acme, 1)
    two.link.before = _down
    acme.clock.advance(timedelta(minutes=59))
    rounds.run()
    assert acme.entries("witness.stale") == []

    acme.clock.advance(timedelta(minutes=2))
    rounds.run()
    WitnessRound(acme.office).run()

    assert [each.payload["witness"] for each in acme.entries("witness.stale") if each.payload] == [BOREALIS]
    assert WorkspaceView(acme.home).standing().late_witnesses == 1
    two.link.before = lambda _: None
    rounds.run()
    rounds.run()
    assert len(acme.entries("witness.recovered")) == 1
    assert WorkspaceView(acme.home).standing().late_witnesses == 0
    assert verify_log(acme.home, lambda _: None)["ok"]


def test_every_checkpoint_of_a_handoff_is_recorded_by_whoever_saw_it(two: PartnerSimulator, tmp_path: Path) -> None:
    two.send(packed(two, tmp_path))

    for side, other in ((two.acme, two.borealis), (two.borealis, two.acme)):
        seen = [each.payload or {} for each in side.entries("checkpoint.received")]
        assert {each["origin"] for each in seen} == {other.office.origin}
        remembered = {read_checkpoint(note) for note in side.office.remembered.all(other.office.origin)}
        assert {(each["size"], each["root"]) for each in seen} <= {(one.size, one.root.hex()) for one in remembered}


def test_a_log_that_contradicts_itself_stops_offers_until_it_is_settled(two: PartnerSimulator, tmp_path: Path) -> None:
    acme, borealis = two.acme, two.borealis
    root = packed(two, tmp_path)
    two.send(root)
    seen = read_checkpoint(borealis.office.remembered.newest(acme.office.origin) or b"")

    with pytest.raises(LogTampered, match="two different roots"):
        borealis.office.checkpoints.receive(ACME, forged(acme, seen.size))

    (found,) = list_forks(borealis.home)["forks"]  # type: ignore[misc]
    file = Path(str(found["file"]))  # type: ignore[index, call-overload]
    assert check_file(tmp_path, file, (acme.office.log.key.vkey,))["kind"] == "same-size"
    assert [each.public["partner"] for each in borealis.entries("witness.conflict")] == [ACME]
    assert not examine(borealis.home)["healthy"]
    refused = two.send(packed(two, tmp_path, "again"))
    assert refused["state"] not in {"completed", "quarantined"}
    borealis.ask("fork.resolve", fork=file.stem, reason="a test of theirs")
    assert two.send(packed(two, tmp_path, "third"))["state"] == "completed"


def test_a_second_history_at_the_witness_is_refused_and_logged_on_both_sides(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    last = borealis.office.witness.last(acme.office.origin)
    assert last is not None
    call = Call(None, {}, lambda _: None, acme.stop)

    cosigned = seek_cosignature(
        transfer_parts(acme.office, call), acme.office.dialing.partner(BOREALIS), BOREALIS, forged(acme, last.size)
    )

    assert not cosigned
    assert len(acme.entries("witness.refused")) == 1
    assert len(borealis.entries("witness.conflict")) == 1
    assert borealis.office.witness.last(acme.office.origin) == last


@pytest.mark.parametrize("seconds", [-(10**9), 2**61])
def test_a_partner_whose_witness_lies_about_the_time_spoils_neither_handoff_nor_report(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    witness = two.borealis.office.witness
    cosign = witness._signer.cosign
    monkeypatch.setattr(witness._signer, "cosign", lambda text, time: cosign(text, time + seconds))

    sent = two.send(packed(two, tmp_path))

    assert sent["state"] == "completed"
    [refused, *_] = two.acme.entries("witness.refused")
    assert "cosigned" in (refused.payload or {})["why"]
    assert two.acme.entries("witness.received") == []
    [told] = witness_report(two.acme.home, two.clock())["witnesses"]  # type: ignore[misc]
    assert told["time"] is None  # type: ignore[index, call-overload]


def test_a_cosignature_that_is_refused_again_at_the_same_size_is_recorded_again_and_undoes_nothing(
    two: PartnerSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, witness = two.acme, two.borealis.office.witness
    parts = transfer_parts(acme.office, Call(None, {}, lambda _: None, acme.stop))
    cosign = witness._signer.cosign
    note = two.acme.office.log.checkpoint()

    for hours in (1, 2):
        monkeypatch.setattr(witness._signer, "cosign", lambda text, time, by=hours: cosign(text, time + by * 3600))
        assert not seek_cosignature(parts, acme.office.dialing.partner(BOREALIS), BOREALIS, note)

    assert len(acme.entries("witness.refused")) == 2


def test_a_time_that_an_older_log_kept_breaks_no_report(two: PartnerSimulator, tmp_path: Path) -> None:
    two.send(packed(two, tmp_path))
    log = two.acme.office.log
    line = two.borealis.office.witness._signer.cosign(split_note(log.checkpoint())[0], 2**61).decode()
    with closing(sqlite3.connect(two.acme.office.layout.audit_database)) as db, db:
        db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (log.size, log.checkpoint()))
        db.execute("INSERT INTO cosignature VALUES (?, ?, ?)", (log.size, BOREALIS + "/lading/witness", line))

    [told] = witness_report(two.acme.home, two.clock())["witnesses"]  # type: ignore[misc]

    assert (told["size"], told["time"]) == (log.size, None)  # type: ignore[index, call-overload]


def test_nothing_is_cosigned_that_contradicts_what_an_offer_showed(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    last = borealis.office.witness.last(acme.office.origin)
    assert last is not None
    happen(acme, 2)
    note, size = acme.office.log.checkpoint(), acme.office.log.size
    borealis.office.checkpoints.receive(ACME, forged(acme, size))

    status, answer = borealis.handlers.add_checkpoint(
        ACME, add_checkpoint_body(last.size, acme.office.log.prove_consistency(last.size, size), note)
    )

    assert (status, answer) == (409, b"%d\n" % last.size)
    assert borealis.office.witness.last(acme.office.origin) == last
    assert len(borealis.entries("witness.conflict")) == len(borealis.entries("witness.refused")) == 1


def test_growth_without_a_proof_is_kept_as_unproven(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    last = borealis.office.witness.last(acme.office.origin)
    assert last is not None

    status, _ = borealis.handlers.add_checkpoint(
        ACME, add_checkpoint_body(last.size, [bytes(32)], forged(acme, last.size + 5))
    )

    assert status == 422
    (found,) = list_forks(borealis.home)["forks"]  # type: ignore[misc]
    assert found["kind"] == "unproven"  # type: ignore[index, call-overload]
    assert len(borealis.entries("witness.refused")) == 1


def test_a_checkpoint_in_an_offer_must_fit_the_partners_own_tiles(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    happen(acme, 2)
    borealis.office.checkpoints.receive(ACME, acme.office.log.checkpoint())
    borealis.office.checkpoints.examine(ACME, lambda _, path: acme.handlers.tile(BOREALIS, path) or b"")
    size = acme.office.log.size + 1
    happen(acme, 3)
    borealis.office.checkpoints.receive(ACME, forged(acme, size))

    with pytest.raises(LogTampered, match="does not show"):
        borealis.office.checkpoints.examine(ACME, lambda _, path: acme.handlers.tile(BOREALIS, path) or b"")

    with pytest.raises(LogTampered, match="contradicted itself"):
        borealis.office.checkpoints.demand_no_fork(ACME)


def test_two_partners_who_compare_find_the_log_that_told_each_its_own_story(
    two: PartnerSimulator, tmp_path: Path
) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    seen = read_checkpoint(borealis.office.remembered.newest(acme.office.origin) or b"")
    cygnus = Remembered(tmp_path / "cygnus.jsonl")
    cygnus.add(forged(acme, seen.size), acme.office.origin)

    result = borealis.ask("fork.compare", file=str(tmp_path / "cygnus.jsonl"))

    assert result == {"compared": 1, "forked": [ACME]}
    assert len(borealis.entries("witness.conflict")) == 1


@pytest.mark.parametrize(
    "held", [b"", b"\xff\xfe\x00", b'{"artifact": "no checkpoint"}'], ids=["empty", "binary", "json"]
)
def test_a_file_without_checkpoints_compares_nothing_and_clears_nobody(
    two: PartnerSimulator, tmp_path: Path, held: bytes
) -> None:
    (tmp_path / "other").write_bytes(held)

    with pytest.raises(InputError, match="nothing was compared"):
        two.borealis.ask("fork.compare", file=str(tmp_path / "other"))


def test_a_key_that_a_partner_lists_is_pinned_by_a_word_that_the_log_keeps(two: PartnerSimulator) -> None:
    acme, listed = two.acme, NoteKey.parse(two.borealis.office.witness.key.vkey)
    vkey = NoteKey("witness.example", listed.algorithm, listed.public).vkey
    with pytest.raises(InputError, match=f"the trust document of {BOREALIS} lists it"):
        acme.ask("witness.pin", name="archive", vkey=vkey)

    acme.ask("witness.pin", name="archive", vkey=vkey, not_of=[BOREALIS])

    [entry] = acme.entries("witness.pinned")
    assert (entry.payload or {})["not_of"] == [BOREALIS]
    assert [(each.name, each.kind) for each in known_witnesses(acme.office.trust)] == [("archive", "third party")]
    call = Call(None, {}, lambda _: None, acme.stop)
    assert not seek_cosignature(transfer_parts(acme.office, call), acme.office.dialing.partner(BOREALIS), BOREALIS)


def test_nobody_else_can_make_a_log_look_forked(two: PartnerSimulator, tmp_path: Path) -> None:
    acme, borealis = two.acme, two.borealis
    WitnessRound(acme.office).run()
    happen(acme, 1)
    WitnessRound(acme.office).run()
    seen = read_checkpoint(borealis.office.remembered.newest(acme.office.origin) or b"")
    eve = NoteSigner(acme.office.origin, Ed25519PrivateKey.generate())
    text = Checkpoint(acme.office.origin, seen.size, bytes(32)).text()
    slander = Remembered(tmp_path / "eve.jsonl")
    slander.add(text + b"\n" + eve.sign(text), acme.office.origin)

    with pytest.raises(LadingError):
        borealis.ask("fork.compare", file=str(tmp_path / "eve.jsonl"))

    assert list_forks(borealis.home) == {"forks": []}


def test_a_partner_reads_entries_of_its_own_transfers_only(two: PartnerSimulator, tmp_path: Path) -> None:
    sent = two.send(packed(two, tmp_path))
    secret = Event(
        id=event_id("test", "cygnus"),
        type="transfer.accepted",
        actor="spiffe://borealis.example/gateway",
        partner="cygnus.example",
        transfer=sent["id"],
        payload={"deadline": timestamp(two.clock())},
    )
    two.borealis.office.log.record(secret)

    shown = two.borealis.handlers.evidence(ACME, sent["id"])

    log = two.borealis.office.log
    assert shown.entries
    assert {log.entry(each.index).public["partner"] for each in shown.entries} == {ACME}


def packed(two: PartnerSimulator, folder: Path, name: str = "model") -> str:
    source = make_model(folder / name, size=1 << 20).folder
    return str(two.acme.ask("artifact.pack", path=str(source), name=name, version="1")["root"])


def _down(_: str) -> None:
    raise Interrupted("the line is down", remedy="Wait.")
