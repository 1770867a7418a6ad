"""Exports: golden lines, OCSF's demands, spreadsheets that execute nothing, and files that are evidence."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.entry import Entry, parse_entry, parse_leaf, seal
from engine.audit.export import ocsf, sheet
from engine.audit.export.check import check_export
from engine.audit.export.formats import FORMATS
from engine.audit.export.record import Exported
from engine.audit.note import NoteKey
from engine.audit.proof import format_proof
from engine.audit.reader import LogReader
from engine.audit.shipping.syslog import framed, message
from engine.errors import EvidenceError, InputError
from engine.events import Event, event_id
from tests.unit.audit.conftest import Acme

GOLDEN = Path(__file__).parents[2] / "golden" / "audit"
VECTORS = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))
KEY = NoteKey.parse(VECTORS["vkey"])
FILES = {"jsonl": "export-v1.jsonl", "csv": "export-v1.csv", "ocsf": "export-v1.ocsf", "cloudevents": "export-v1.json"}
EVENTS_PAGE = Path(__file__).parents[3] / "docs" / "formats" / "events.md"


def golden_entry() -> Exported:
    """Entry 2 of the golden log, with its proof."""
    row = (2, VECTORS["leaves"][2].encode(), bytes.fromhex(VECTORS["salts"][2]), VECTORS["payloads"][2].encode())
    return Exported(parse_entry(row), VECTORS["proof"])


@pytest.mark.parametrize("name", FILES)
def test_an_entry_is_written_to_the_bytes_of_the_golden_file_which_is_evidence(name: str) -> None:
    made = "".join(FORMATS[name].parts([FORMATS[name].write(golden_entry())]))

    assert made.encode() == (GOLDEN / FILES[name]).read_bytes()
    checked = check_export(GOLDEN / FILES[name], [KEY])
    assert (checked.format, checked.entries, checked.first, checked.last, checked.sizes) == (name, 1, 2, 2, (5,))


def test_a_syslog_message_is_that_of_the_golden_file() -> None:
    plain = Exported(golden_entry().entry, None)

    made = framed(message(plain, FORMATS["jsonl"], "acme.example"))

    assert made == (GOLDEN / "syslog-v1.bin").read_bytes()
    length, _, body = made.partition(b" ")
    assert int(length) == len(body)
    assert body.startswith(b"<109>1 2026-06-01T12:00:00.000Z acme.example lading - transfer.offered [lading@32473 ")


HOSTILE = "=cmd|'/C calc'!A0\u202e\x1b[2J\r\nnext\\, \"quoted\""


@pytest.fixture
def evidence(acme: Acme) -> dict[str, Path]:
    """Files of twelve entries in every format, one hostile and one whose payload is gone."""
    with acme.open() as log:
        log.record_many(acme.events(10))
        log.record(acme.event(10, partner=HOSTILE, transfer="", payload={"why": HOSTILE, "deep": [1, {"a": None}]}))
        log.record(acme.event(11))
    acme.tamper("DELETE FROM payload WHERE idx = 11")
    with LogReader(acme.path) as log:
        note = log.newest_checkpoint()
        entries = [Exported(log.entry(at), format_proof(at, log.prove(at, 12), note)) for at in range(12)]
    files = {}
    for name, format_ in FORMATS.items():
        files[name] = acme.folder / name
        files[name].write_bytes("".join(format_.parts(map(format_.write, entries))).encode())
    return files


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_with_proofs_is_evidence_for_whoever_has_the_key(
    acme: Acme, evidence: dict[str, Path], name: str
) -> None:
    checked = check_export(evidence[name], [acme.key])

    assert (checked.entries, checked.first, checked.last) == (12, 0, 11)
    assert checked.origins == (acme.origin,)


EDITS = {
    "a value": lambda text: text.replace("person-2@", "person-9@", 1),
    "a type": lambda text: text.replace("transfer.offered", "transfer.refused", 1),
    "a time": lambda text: text.replace("2026-06-01T12", "2026-06-01T11", 1),
    "a proof": lambda text: text.replace("index 3", "index 4", 1),
    "an order": lambda text: (
        text.replace(lines(text)[2], "@").replace(lines(text)[3], lines(text)[2]).replace("@", lines(text)[3])
    ),
    "a repetition": lambda text: text.replace(lines(text)[2], lines(text)[3]),
    "a space": lambda text: text.replace(lines(text)[4], lines(text)[4] + " "),
    "a tail": lambda text: text + "x",
    "half a line": lambda text: text[:-40],
}


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if "person-" in line]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", FORMATS)
def test_whatever_is_edited_in_a_file_is_found(acme: Acme, evidence: dict[str, Path], name: str, edit: str) -> None:
    text = evidence[name].read_bytes().decode()
    edited = EDITS[edit](text)
    assert edited != text
    evidence[name].write_bytes(edited.encode())

    with pytest.raises(EvidenceError):
        check_export(evidence[name], [acme.key])


def test_another_key_proves_nothing(evidence: dict[str, Path]) -> None:
    with pytest.raises(EvidenceError):
        check_export(evidence["jsonl"], [KEY])


def test_an_export_without_proofs_is_told_from_evidence(acme: Acme) -> None:
    path = acme.folder / "plain.jsonl"
    path.write_text(FORMATS["jsonl"].write(Exported(golden_entry().entry, None)) + "\n")

    with pytest.raises(InputError, match="no export with proofs"):
        check_export(path, [acme.key])

    path.write_text("something else")
    with pytest.raises(InputError, match="no export of an audit log"):
        check_export(path, [acme.key])


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_of_nothing_is_well_formed(acme: Acme, name: str) -> None:
    path = acme.folder / name
    path.write_bytes("".join(FORMATS[name].parts([])).encode())

    assert check_export(path, [acme.key]).entries == 0


def test_nothing_in_a_spreadsheet_is_a_formula_or_obeyed_by_a_terminal(evidence: dict[str, Path]) -> None:
    rows = list(csv.reader(io.StringIO(evidence["csv"].read_bytes().decode(), newline=""), strict=True))

    assert tuple(rows[0]) == sheet.COLUMNS
    cells = [cell for row in rows for cell in row]
    assert all(cell.isprintable() for cell in cells)
    assert not [cell for cell in cells if cell.lstrip()[:1] in {*"=+-@＝＋－＠"} and cell.strip()]  # noqa: RUF001


@given(st.text())
def test_a_cell_is_harmless_and_can_be_undone(text: str) -> None:
    cell = sheet.harmless(text)

    assert sheet.original(cell) == text
    assert cell.isprintable()
    assert cell.lstrip()[:1] not in {*"=+-@"} or not cell


def test_a_batch_of_cloudevents_is_json_with_the_attributes_they_demand(evidence: dict[str, Path]) -> None:
    batch = json.loads(evidence["cloudevents"].read_text())

    assert len(batch) == 12
    for event in batch:
        assert event["specversion"] == "1.0"
        assert all(event[name] and isinstance(event[name], str) for name in ("id", "source", "type"))
        assert datetime.fromisoformat(event["time"]).tzinfo
        assert all(name.isascii() and name.isalnum() and name.islower() for name in event)
        assert all(isinstance(value, str) for name, value in event.items() if name != "data")


# What OCSF 1.1.0 demands of each class, written down from its schema (https://schema.ocsf.io/1.1.0/classes/…):
# required attributes, the numbers an activity may have, and of objects the required and the at-least-one attributes.
BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
CLASSES: dict[int, tuple[set[str], set[int]]] = {
    6006: ({"actor", "file", "src_endpoint"}, set(range(17))),
    6003: ({"actor", "api", "src_endpoint"}, set(range(5))),
    6002: ({"app"}, set(range(5))),
    3004: ({"entity"}, set(range(5))),
}
OBJECTS: dict[str, tuple[set[str], set[str]]] = {
    "metadata": ({"product", "version"}, set()),
    "product": ({"vendor_name"}, {"name", "uid"}),
    "app": ({"vendor_name"}, {"name", "uid"}),
    "actor": (set(), {"process", "user", "invoked_by", "session"}),
    "user": (set(), {"account", "name", "uid"}),
    "file": ({"name", "type_id"}, set()),
    "api": ({"operation"}, set()),
    "response": (set(), set()),
    "src_endpoint": (set(), {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid"}),
    "dst_endpoint": (set(), {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid"}),
    "entity": (set(), {"name", "uid"}),
}


def demand(event: dict[str, Any]) -> None:
    """Hold an event against the constraints of its class."""
    required, activities = CLASSES[event["class_uid"]]
    assert event.keys() >= BASE | required
    assert event["activity_id"] in activities | {99}
    assert event["activity_id"] != 99 or event["activity_name"]
    assert event["category_uid"] == event["class_uid"] // 1000
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["severity_id"] in {0, 1, 2, 3, 4, 5, 6, 99}
    assert event["status_id"] in {0, 1, 2, 99}
    assert isinstance(event["time"], int)
    assert event["metadata"]["version"] == ocsf.VERSION == "1.1.0"
    found = {**event, **event["metadata"], **event["actor"], **event.get("api", {})}
    for name, value in found.items():
        if isinstance(value, dict) and name != "unmapped":
            needed, one_of = OBJECTS[name]
            assert value.keys() >= needed
            assert not one_of or value.keys() & one_of
    for fingerprint in event.get("file", {}).get("hashes", []):
        assert fingerprint.keys() >= {"algorithm_id", "value"}


def types() -> list[str]:
    page = EVENTS_PAGE.read_text(encoding="utf-8")
    return sorted({line.split("`")[1] for line in page.splitlines() if line.startswith("| `") and "." in line})


def entry(kind: str, **attributes: Any) -> Entry:
    event = Event(id=event_id("x", kind), type=kind, actor="ada@acme.example", **attributes)
    sealed = seal(
        event,
        source="spiffe://acme.example/gateway",
        time="2026-06-01T12:00:00.000Z",
        salt=b"s" * 32,
        pseudonym_key=b"p",
    )
    return parse_entry((0, sealed.leaf, sealed.salt, sealed.payload))


@pytest.mark.parametrize("kind", [*types(), "nobody.knows", "nodot"])
def test_every_type_of_event_meets_the_demands_of_its_ocsf_class(kind: str) -> None:
    full = entry(
        kind, artifact="a" * 64, partner="borealis.example", decision="deny", payload={"action": "send", "name": "m"}
    )

    for one in (entry(kind), full):
        event = json.loads(FORMATS["ocsf"].write(Exported(one, None)))
        demand(event)
        assert event["unmapped"]["leaf"] == parse_leaf(one.leaf)


def test_ocsf_says_who_what_and_how_it_came_out() -> None:
    denied = json.loads(
        FORMATS["ocsf"].write(Exported(entry("decision.deny", decision="deny", payload={"action": "send"}), None))
    )

    assert (denied["class_uid"], denied["status"], denied["severity"]) == (6003, "Failure", "Medium")
    assert denied["api"] == {"operation": "send", "response": {"code": 403, "message": "deny"}}
    assert denied["actor"]["user"]["name"] == "ada@acme.example"
    assert denied["time"] == 1780315200000
