"""Erased means erased: words put wherever a name or free text can go, erased, and looked for in every byte."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyrage
import pytest

from engine.workspace.keeping import erasing
from engine.workspace.keeping.erasing import settle
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import verify_log
from tests.integration.link import Crash
from tests.integration.simulator import Clock, PartnerSimulator, Side

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"

NAME = "zyxquill"
TEXT = "Größenwahn Zyxq"
DATABASES = {
    "transfer": "SELECT name FROM outgoing_document WHERE transfer = ?",
    "gateway": "SELECT name FROM incoming_document WHERE transfer = ?",
}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[PartnerSimulator]:
    simulator = PartnerSimulator(tmp_path / "two", SAMPLE, Clock())
    yield simulator
    simulator.close()


def forms(word: str) -> Iterator[bytes]:
    """A word as files may hold it: UTF-8, UTF-16, escaped in JSON, and in Base64 at each of three places."""
    escaped = json.dumps(word)[1:-1]
    yield from {word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be"), escaped.encode()}
    yield from {json.dumps(escaped)[1:-1].encode(), word.upper().encode(), word.casefold().encode()}
    for shift in range(3):
        yield base64.b64encode(b"." * shift + word.encode() + b"...")[4 if shift else 0 : -8]


def holding(home: Path, word: str) -> list[str]:
    """The files of a workspace that hold a word in any form."""
    files = [path for path in sorted(home.rglob("*")) if path.is_file() and not path.is_symlink()]
    found = [(path, form) for path in files for form in forms(word) if form in path.read_bytes()]
    return sorted({str(path.relative_to(home)) for path, _ in found})


def everywhere(two: PartnerSimulator, folder: Path) -> str:
    """Have a person with a telling name do all that needs no signature, and everybody write the telling text.

    Who signs is named by the certificate, in evidence and in the signing log, which erasure does not reach.
    """
    directory = two.acme.home / "directory.yaml"
    before = directory.read_text()
    person = (
        f"  - name: {NAME}\n    identity: {NAME}@acme.example\n    roles: [operator, security, sender]\n"
        "    clearance: restricted\n    training_expires: 2099-12-31T00:00:00Z\n"
    )
    directory.write_text(before.replace("people:\n", "people:\n" + person))
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    root = str(two.acme.ask("artifact.pack", path=str(folder), name="m", version="1")["root"])
    two.acme.ask("artifact.show", who=NAME, ref=root)
    (folder / "notes.txt").write_text("a stray file")
    transfer = str(two.send(root, impact=TEXT)["id"])
    wish = {"transfer": transfer, "waives": ["extra"], "ticket": TEXT, "reason": TEXT, "hours": 2.0}
    ticket = str(two.acme.ask("breakglass.request", who=NAME, **wish)["id"])
    two.acme.ask("breakglass.approve", who="sec", id=ticket, reason=TEXT)
    assert two.send(root, impact=TEXT)["state"] == "completed"
    two.acme.ask("breakglass.review", who="eve", id=ticket, finding=TEXT)
    policy = two.acme.home / "policies" / "agreement.cedar"
    decides = policy.read_text()
    policy.write_text(decides.replace("a new period", "a later period"))
    two.acme.office.governance.see()
    digest = two.acme.ask("policy.propose", who=NAME, reason=TEXT)["digest"]
    two.acme.ask("policy.withdraw", who="eve", digest=digest, reason=TEXT)
    policy.write_text(decides)
    directory.write_text(before)
    return transfer


def test_after_erasing_no_file_of_the_workspace_holds_the_words(two: PartnerSimulator, tmp_path: Path) -> None:
    transfer = everywhere(two, tmp_path / "model")
    acme = two.acme
    ask_log(acme.home, Question(text=f"{NAME} or zyxq"))  # makes the search index
    assert "state/search.db" in holding(acme.home, NAME)
    for word in (NAME, TEXT):
        assert {"state/transfer.db", "state/policy.db"} <= {
            each.removesuffix("-wal") for each in holding(acme.home, word)
        }

    for word in (NAME, TEXT):
        done = acme.ask("audit.erase", who="eve", naming=word)
        assert (done["kept"], done["still_named_in"]) == ([], [])

    assert holding(acme.home, TEXT) == []
    assert holding(acme.home, NAME) == []
    assert verify_log(acme.home, lambda _: None)["ok"]
    assert "transfer.offered" in acme.log_of(transfer)
    acme.ask("transfer.list")
    acme.ask("breakglass.list")


def bills_of_both(two: PartnerSimulator, transfer: str) -> list[str]:
    """Have both sides make a bill, each with an annex for an auditor."""
    auditor = str(pyrage.x25519.Identity.generate().to_public())
    return [
        str(side.ask("bill.create", transfer=transfer, annex_for=[auditor])["bill"])
        for side in (two.acme, two.borealis)
    ]


def documents_of(side: Side, transfer: str) -> set[str]:
    """The names, up to a colon, of the documents that a side keeps of a transfer."""
    rows: list[tuple[str]] = []
    for name, query in DATABASES.items():
        with closing(sqlite3.connect(side.home / "state" / f"{name}.db")) as opened:
            rows += opened.execute(query, (transfer,)).fetchall()
    return {name.partition(":")[0] for (name,) in rows}


def test_what_was_kept_for_bills_goes_on_both_sides(two: PartnerSimulator, tmp_path: Path) -> None:
    transfer = everywhere(two, tmp_path / "model")
    assert all(any(form.decode("latin-1") in bill for form in forms(TEXT)) for bill in bills_of_both(two, transfer))
    two.borealis.employ({"bea": "administrator, operator", "sam": "security"})
    for side, who in ((two.acme, "eve"), (two.borealis, "sam")):
        assert {"bill-evidence", "annex"} <= documents_of(side, transfer)
        assert set(holding(side.home, TEXT)) & {f"state/{name}.db{end}" for name in DATABASES for end in ("", "-wal")}

        done = side.ask("audit.erase", who=who, naming=TEXT)

        assert done["kept"] == []
        assert any(each.startswith("bills with their annexes") for each in done["outside"])
        assert "bill-evidence" not in documents_of(side, transfer)
        assert holding(side.home, TEXT) == []
        assert verify_log(side.home, lambda _: None)["ok"]


def test_one_erased_entry_takes_the_copies_of_its_payload_with_it(two: PartnerSimulator, tmp_path: Path) -> None:
    transfer = everywhere(two, tmp_path / "model")
    bills_of_both(two, transfer)
    permits = [entry for entry in two.acme.entries("decision.permit") if entry.public.get("transfer") == transfer]
    salts = [base64.b64encode(entry.salt or b"").decode() for entry in permits]
    evidence = (two.acme.office.outgoing.document(transfer, "bill-evidence") or b"").decode()
    assert any(salt in evidence for salt in salts)

    two.acme.ask("audit.erase", who="eve", entries=[str(entry.index) for entry in permits])

    assert not {"bill-evidence", "annex"} & documents_of(two.acme, transfer)
    assert [salt for salt in salts if holding(two.acme.home, salt)] == []


def test_what_the_log_still_says_stays_elsewhere(two: PartnerSimulator, tmp_path: Path) -> None:
    transfer = everywhere(two, tmp_path / "model")
    viewed = [entry.index for entry in two.acme.entries("artifact.viewed")]

    done = two.acme.ask("audit.erase", who="eve", entries=[str(index) for index in viewed])

    assert done["entries"] == viewed
    row = two.acme.office.outgoing.get(transfer)
    assert (row.actor, row.impact) == ("ada@acme.example", TEXT)
    assert two.acme.office.outgoing.document(transfer, "offer") is not None
    [ticket] = two.acme.office.tickets.all()
    assert (ticket.reason, ticket.finding) == (TEXT, TEXT)


@pytest.mark.parametrize("cut", ["record", "forget", "remove", "rewrite"])
def test_an_erasure_that_a_crash_cut_short_is_finished_when_the_owner_starts(
    two: PartnerSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    everywhere(two, tmp_path / "model")
    acme = two.acme

    def crash(*_: Any, **__: Any) -> None:
        raise Crash

    names = {"record": "_finish", "forget": "_forget", "remove": "remove_payloads", "rewrite": "rewrite_file"}
    monkeypatch.setattr(erasing, names[cut], crash)
    with pytest.raises(Crash):
        acme.ask("audit.erase", who="eve", naming=TEXT)
    monkeypatch.undo()
    acme.restart()
    assert acme.office.layout.erasing.exists()

    settle(acme.office)

    assert holding(acme.home, TEXT) == []
    assert verify_log(acme.home, lambda _: None)["ok"]
    assert settle(acme.office) == 0
    assert not acme.office.layout.erasing.exists()
