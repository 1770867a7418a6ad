"""`lading audit verify --against partner`: what whoever can write here cannot change is what a partner saw."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import Algorithm, NoteSigner
from engine.audit.witness import add_checkpoint_body
from engine.cli import lading
from engine.errors import InputError, Interrupted, UsageError
from engine.wire.operations import operations_app
from engine.wire.server import UnixServer
from engine.workspace.log.record import verify_log
from engine.workspace.service import _performer
from engine.workspace.witness.round import WitnessRound
from tests.integration.simulator import ACME, BOREALIS, PartnerSimulator, Side
from tests.integration.test_witnessing import forged, happen

Files = dict[str, bytes]


def ask(side: Side) -> dict[str, Any]:
    [found] = side.ask("witness.compare")["partners"]
    assert found["partner"] == BOREALIS
    return dict(found)


def last_seen(two: PartnerSimulator) -> int:
    """Return the size of Acme's log that Borealis cosigned last."""
    seen = two.borealis.office.witness.last(two.acme.office.origin)
    return seen.size if seen else 0


@contextmanager
def ended(side: Side) -> Iterator[None]:
    """End a side's process for the time of the block."""
    side.close()
    yield
    side.open()


def copied(side: Side) -> Files:
    """Copy a side's log and what it remembers beside it, as an insider does before something happens."""
    with ended(side):
        paths = (side.office.layout.audit_database, side.office.layout.remembered)
        return {str(path): path.read_bytes() for path in paths}


def put_back(side: Side, files: Files) -> None:
    with ended(side):
        for path, data in files.items():
            Path(path).write_bytes(data)


def run(side: Side, *words: str) -> Result:
    """Run `lading audit verify` on a workspace whose owner is this process."""
    side.office.open_everything()
    owner = UnixServer(side.office.layout.owner_socket, operations_app(_performer(side.office)))
    owner.start()
    try:
        return CliRunner().invoke(lading, ["-C", str(side.home), "audit", "verify", *words])
    finally:
        owner.stop()


def test_a_partner_that_saw_exactly_this_agrees(two: PartnerSimulator) -> None:
    acme = two.acme
    WitnessRound(acme.office).run()
    old, note = last_seen(two), acme.office.log.checkpoint()
    proof = acme.office.log.prove_consistency(old, acme.office.log.size)
    assert two.link.add_checkpoint(add_checkpoint_body(old, proof, note))[0] == 200

    found = ask(acme)

    assert (found["verdict"], found["seen"]) == ("agrees", found["size"])
    assert two.link.asked[-1] == "witness"
    assert last_seen(two) == found["size"] == read_checkpoint(note).size


def test_a_partner_that_saw_less_is_shown_the_rest_and_its_cosignature_kept(two: PartnerSimulator) -> None:
    acme = two.acme
    WitnessRound(acme.office).run()
    seen = last_seen(two)
    happen(acme, 1)

    done = run(acme, "--against", "partner", "--json")

    report = json.loads(done.stdout)
    [found] = report["partners"]
    assert done.exit_code == 0
    assert report["ok"]
    assert (found["verdict"], found["seen"]) == ("extends", seen)
    cosigned = acme.office.log.cosigned_checkpoint("borealis.example/lading/witness")
    assert cosigned is not None
    assert read_checkpoint(cosigned).size == found["size"] == last_seen(two) > seen
    assert verify_log(acme.home, lambda _: None)["ok"]


def test_a_log_that_was_set_back_is_told_so_and_can_still_be_mended(two: PartnerSimulator) -> None:
    acme = two.acme
    older = copied(acme)
    happen(acme, 1)
    WitnessRound(acme.office).run()
    newer = copied(acme)
    put_back(acme, older)
    assert verify_log(acme.home, lambda _: None)["ok"]  # nothing here tells

    done = run(acme, "--against", "partner", BOREALIS)

    size = acme.office.log.size
    assert done.exit_code == 4
    assert f"it saw {last_seen(two)} entries of this log, which has {size}: this log was set back" in done.stdout
    assert "Record nothing" in done.stdout
    [newest] = [path for path in newer if path.endswith(".db")]
    put_back(acme, {newest: newer[newest]})
    assert verify_log(acme.home, lambda _: None)["ok"]
    assert ask(acme)["verdict"] == "extends"


@pytest.mark.parametrize("longer", [0, 3], ids=["as long", "longer"])
def test_a_log_that_was_rewritten_is_a_fork_and_recorded_once(two: PartnerSimulator, longer: int) -> None:
    acme = two.acme
    older = copied(acme)
    happen(acme, 1)
    WitnessRound(acme.office).run()
    put_back(acme, older)
    seen = last_seen(two)
    for number in range(acme.office.log.size, seen + longer):
        happen(acme, 100 + number)
    assert verify_log(acme.home, lambda _: None)["ok"]

    done = run(acme, "--against", "partner")
    again = ask(acme)

    assert done.exit_code == 4
    assert "✘ borealis.example: " in done.stdout
    assert "there are two histories" in done.stdout
    assert (again["verdict"], again["seen"]) == ("forked", seen)
    [entry] = acme.entries("witness.contradicted")
    assert entry.public["partner"] == BOREALIS
    told = dict(entry.payload or {})
    told.pop("actor")
    assert told == {"kind": "forked", "origin": acme.office.origin, "seen": seen}
    assert last_seen(two) == seen
    assert two.borealis.entries("witness.refused")


def test_a_partner_that_only_remembers_a_contradiction_is_told_apart(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    WitnessRound(acme.office).run()
    seen = last_seen(two)
    happen(acme, 1)
    borealis.office.checkpoints.receive(ACME, forged(acme, acme.office.log.size))

    found = ask(acme)

    assert (found["verdict"], found["seen"]) == ("contradicted", seen)
    assert "remembers a checkpoint that contradicts this log" in found["means"]
    assert [each.payload["kind"] for each in acme.entries("witness.contradicted") if each.payload] == ["contradicted"]
    assert len(borealis.entries("witness.conflict")) == 1


def test_a_partner_that_does_not_answer_is_no_disagreement(two: PartnerSimulator) -> None:
    def down(_: str) -> None:
        raise Interrupted("the line\x1b[2J is down", remedy="Wait.")

    two.link.before = down
    size = two.acme.office.log.size

    done = run(two.acme, "--against", "partner", "--json")

    report = json.loads(done.stdout)
    assert (done.exit_code, report["ok"]) == (6, True)
    assert report["partners"] == [
        {
            "partner": BOREALIS,
            "verdict": "unreachable",
            "size": size,
            "seen": None,
            "means": "the line\\u{1b}[2J is down",
            "remedy": "Wait.",
        }
    ]
    assert two.acme.office.log.size == size


def test_a_witness_that_lost_its_memory_is_found_out(two: PartnerSimulator) -> None:
    acme, borealis = two.acme, two.borealis
    happen(acme, 1)
    WitnessRound(acme.office).run()
    held = last_seen(two)
    with ended(borealis):
        borealis.office.layout.witness.unlink()

    done = run(acme, "--against", "partner")

    assert done.exit_code == 5
    assert "▲ borealis.example: it has forgotten: it says that it had seen 0 entries" in done.stdout
    assert f"its own cosignature of {held} is here" in done.stdout
    assert last_seen(two) > held
    assert acme.entries("witness.contradicted") == []


def test_a_log_that_grew_while_it_asked_was_not_set_back(two: PartnerSimulator) -> None:
    acme = two.acme
    WitnessRound(acme.office).run()
    happen(acme, 1)
    waiting: list[Callable[[], None]] = [lambda: happen(acme, 2), WitnessRound(acme.office).run]

    def others_are_faster(_: str) -> None:
        while waiting:
            waiting.pop(0)()

    two.link.before = others_are_faster

    assert ask(acme)["verdict"] == "extends"


OTHER = NoteSigner(f"{BOREALIS}/lading/witness", Ed25519PrivateKey.generate(), Algorithm.COSIGNATURE)


@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [
        (200, lambda _: b"", "unclear"),
        (200, lambda _: b"\xff" * 60_000, "unclear"),
        (200, lambda note: OTHER.cosign(note.partition(b"\n\n")[0] + b"\n", 1), "unclear"),
        (409, lambda _: b"9" * 60_000, "unclear"),
        (409, lambda _: b"%d\n" % 2**64, "unclear"),
        (409, lambda _: b"%d\n" % 2**62, "set-back"),
        (404, lambda _: b"\x1b]0;own\x07 \xe2\x80\xae" + b"x" * 60_000, "unclear"),
        (422, lambda _: b"", "unclear"),
    ],
)
def test_a_partner_may_answer_anything(
    two: PartnerSimulator,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    answer: Callable[[bytes], bytes],
    verdict: str,
) -> None:
    def hostile(_: str, body: bytes) -> tuple[int, bytes]:
        return status, answer(body.partition(b"\n\n")[2])

    monkeypatch.setattr(two.borealis.handlers, "add_checkpoint", hostile)
    size = two.acme.office.log.size

    found = ask(two.acme)

    assert found["verdict"] == verdict
    assert found["means"].isprintable()
    assert len(found["means"]) < 3000
    assert two.acme.office.log.size == size
    assert verify_log(two.acme.home, lambda _: None)["ok"]


def test_nobody_is_asked_about_a_log_that_does_not_hold_together(two: PartnerSimulator) -> None:
    acme = two.acme
    happen(acme, 1)
    acme.office.remember_own()
    newest = acme.office.layout.audit_database
    older = copied(acme)[str(newest)]
    happen(acme, 2)
    acme.office.remember_own()
    put_back(acme, {str(newest): older})

    done = run(acme, "--against", "partner")

    assert done.exit_code == 4
    assert "does not hold together" in done.stdout
    assert "witness" not in two.link.asked


def test_who_cannot_be_asked_is_named(two: PartnerSimulator) -> None:
    with pytest.raises(InputError, match=r"cygnus\.example"):
        two.acme.ask("witness.compare", partner="cygnus.example")
    assert run(two.acme, BOREALIS).exit_code == 2
    shutil.rmtree(two.acme.office.layout.trust / "partners" / BOREALIS)
    with pytest.raises(UsageError, match="no confirmed partner has a witness"):
        two.acme.ask("witness.compare")
