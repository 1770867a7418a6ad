"""OCSF 1.1.0 (https://schema.ocsf.io/1.1.0): which class an entry is, and what it says there.

    6006 File Hosting Activity   artifacts, transfers, receipts and verdicts
    6003 API Activity            decisions: what was asked of policy, and its answer as the status
    6002 Application Lifecycle   the workspace and its service
    3004 Entity Management       everything else: policies, agreements, partners, approvals, trust

What OCSF has no place for stands under `unmapped`: the leaf, the payload, and with proofs salt and proof.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.audit.entry import Entry
from engine.audit.export.jsonl import members
from engine.audit.export.record import Exported, read_back
from engine.digest import JSON, canonical

VERSION: Final = "1.1.0"
FILE_HOSTING, API, LIFECYCLE, ENTITY = 6006, 6003, 6002, 3004

_CLASSES: Final = {
    "artifact": FILE_HOSTING,
    "transfer": FILE_HOSTING,
    "receipt": FILE_HOSTING,
    "verdict": FILE_HOSTING,
    "decision": API,
    "gateway": LIFECYCLE,
    "workspace": LIFECYCLE,
}
_CAPTIONS: Final = {
    FILE_HOSTING: "File Hosting Activity",
    API: "API Activity",
    LIFECYCLE: "Application Lifecycle",
    ENTITY: "Entity Management",
}
_ACTIVITIES: Final = {
    "artifact.registered": (1, "Upload"),
    "artifact.signed": (3, "Update"),
    "artifact.viewed": (9, "Preview"),
    "artifact.copied": (6, "Copy"),
    "artifact.quarantined": (10, "Lock"),
    "artifact.released": (11, "Unlock"),
    "transfer.offered": (12, "Share"),
    "transfer.completed": (2, "Download"),
    "workspace.created": (1, "Install"),
    "gateway.started": (3, "Start"),
    "gateway.stopped": (4, "Stop"),
}
_ENTITY_ACTIVITIES: Final = {
    **dict.fromkeys(("added", "issued", "proposed", "received", "requested"), (1, "Create")),
    **dict.fromkeys(("changed", "confirmed", "signed", "activated", "approved", "granted"), (3, "Update")),
    **dict.fromkeys(("removed", "erased", "revoked"), (4, "Delete")),
}
_FAILURES: Final = frozenset({"deny", "failsafe", "failed", "refused", "quarantined"})
_OTHER: Final = 99
_INFORMATIONAL, _MEDIUM, _HIGH = (1, "Informational"), (3, "Medium"), (4, "High")


@dataclass(frozen=True, slots=True)
class Place:
    """The class and activity of an entry."""

    class_uid: int
    activity_id: int
    activity: str


def place(kind: str) -> Place:
    """Return the class and activity of an event type; a type that nobody knows is about some entity."""
    thing, _, act = kind.partition(".")
    class_uid = _CLASSES.get(thing, ENTITY)
    known = _ENTITY_ACTIVITIES.get(act) if class_uid == ENTITY else _ACTIVITIES.get(kind)
    activity_id, activity = known or (_OTHER, kind)
    return Place(class_uid, activity_id, activity)


def write(one: Exported) -> str:
    """Return the event of an entry."""
    entry = one.entry
    where = place(entry.type)
    event = _base(entry, where) | _about(entry, where.class_uid)
    name = {"name": one.name} if one.name else {}
    event["actor"] = {"user": {"uid": entry.public["actor"], **name}}
    event["unmapped"] = {"leaf": entry.public, "payload": entry.payload, **one.evidence}
    return canonical(event).decode()


def read(line: str) -> Exported:
    """Read the event of an entry that was exported with its proof."""
    kept = members(line)["unmapped"]
    return read_back(kept["leaf"], kept["payload"], kept["salt"], kept["proof"])


def _base(entry: Entry, where: Place) -> dict[str, JSON]:
    """Return what every class demands."""
    category = where.class_uid // 1000
    failed = entry.type.rpartition(".")[2] in _FAILURES
    severity_id, severity = _severity(entry.type, failed=failed)
    return {
        "activity_id": where.activity_id,
        "activity_name": where.activity,
        "category_uid": category,
        "category_name": {3: "Identity & Access Management", 6: "Application Activity"}[category],
        "class_uid": where.class_uid,
        "class_name": _CAPTIONS[where.class_uid],
        "type_uid": where.class_uid * 100 + where.activity_id,
        "type_name": f"{_CAPTIONS[where.class_uid]}: {'Other' if where.activity_id == _OTHER else where.activity}",
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "time": _milliseconds(entry.time),
        "message": entry.type,
        "metadata": {
            "version": VERSION,
            "product": {"name": "lading", "vendor_name": "lading"},
            "uid": entry.id,
            "sequence": entry.index,
            "original_time": entry.time,
            "event_code": entry.type,
        },
    }


def _about(entry: Entry, class_uid: int) -> dict[str, JSON]:
    """Return what one class demands."""
    public, payload = entry.public, entry.payload or {}
    ends: dict[str, JSON] = {"src_endpoint": {"name": public["source"]}}
    if "partner" in public:
        ends["dst_endpoint"] = {"name": public["partner"]}
    if class_uid == FILE_HOSTING:
        return ends | {"file": _file(public, payload)}
    if class_uid == API:
        operation = payload.get("action")
        answer: JSON = {
            "code": 200 if public.get("decision") == "permit" else 403,
            "message": public.get("decision", "none"),
        }
        api: dict[str, JSON] = {"operation": operation if isinstance(operation, str) and operation else entry.type}
        return ends | {"api": api | {"response": answer}}
    if class_uid == LIFECYCLE:
        return {"app": {"name": "lading", "vendor_name": "lading"}}
    uid = next((public[name] for name in ("statement", "agreement", "policy", "partner") if name in public), entry.id)
    return {"entity": {"type": entry.type.partition(".")[0], "uid": uid}}


def _file(public: Any, payload: Any) -> dict[str, JSON]:
    """Return an artifact as a file: a folder of files under one root digest."""
    digest = public.get("artifact")
    name = payload.get("name")
    file: dict[str, JSON] = {"name": name if isinstance(name, str) and name else digest or "unknown", "type_id": 2}
    if digest is None:
        return file
    return file | {"uid": digest, "hashes": [{"algorithm": "SHA-256", "algorithm_id": 3, "value": digest}]}


def _severity(kind: str, *, failed: bool) -> tuple[int, str]:
    if kind.startswith("breakglass.") or kind == "decision.failsafe":
        return _HIGH
    return _MEDIUM if failed else _INFORMATIONAL


def _milliseconds(time: str) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000 + 0.5)
    except (ValueError, OverflowError):
        return 0
