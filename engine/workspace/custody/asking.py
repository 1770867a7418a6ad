"""The partner's annex for a bill that is made here: asked for, and held to what its log proves.

What a partner sends is hostile: bounded by the message, parsed as a stranger's annex, its bundles those that the
decisions in its log name, its openings those of entries that are proved. An encrypted one can be held to its digest
alone; whoever opens it holds it to the rest.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.entry import parse_leaf
from engine.custody.annex import Annex
from engine.custody.bill import Absence, AnnexNamed
from engine.custody.logs import unlock
from engine.digest import sha256
from engine.errors import EvidenceError, InputError, Refused, WireError
from engine.transfer.network import anywhere
from engine.transfer.parts import Parts
from engine.wire.messages import AnnexMessage, AnnexRequest
from engine.workspace.custody.annex import BILL_ANNEX, BoundAnnex
from engine.workspace.custody.handoffs import Handoff

AGE: Final = b"age-encryption.org/v1\n"
"""What every age file begins with."""


def partners_annex(
    parts: Parts, handoff: Handoff, evidence: Mapping[str, Any], recipients: Sequence[str]
) -> BoundAnnex | Absence:
    """Ask the partner for its annex about a transfer, or return why there is none; one that came is kept.

    Args:
        parts: what reaches the partner.
        handoff: the transfer.
        evidence: what the bill has of the partner's log.
        recipients: to whom it is to be encrypted; in the clear if nobody is named.
    """
    asked = AnnexRequest(size=read_checkpoint(evidence["checkpoint"].encode()).size, recipients=tuple(recipients))
    name = f"{BILL_ANNEX}:partner:{sha256(asked.body())[:32]}"
    kept = handoff.document(name)
    if kept is not None:
        return _bound(AnnexMessage.parse(kept))
    partner = handoff.row.partner
    try:
        answer = parts.connect(partner, anywhere).annex(handoff.row.id, asked)
    except Refused as refusal:
        unknown = refusal.status == HTTPStatus.NOT_FOUND and not refusal.problem.get("codes")
        return "unknown" if unknown else "refused"
    except WireError:
        return "unreachable"
    except InputError:
        return "unfit"
    try:
        _check(answer, asked, partner, handoff.row.id, evidence)
    except (EvidenceError, InputError):
        return "unfit"
    handoff.keep({name: answer.body()})
    return _bound(answer)


def _bound(answer: AnnexMessage) -> BoundAnnex:
    data = base64.b64decode(answer.annex)
    named = AnnexNamed(plaintext=answer.plaintext, sealed=sha256(data), encryption=answer.encryption)
    return BoundAnnex(named, data)


def _check(answer: AnnexMessage, asked: AnnexRequest, partner: str, transfer: str, evidence: Mapping[str, Any]) -> None:
    """Hold what came to what was asked for and to the partner's log.

    Raises:
        EvidenceError, InputError: it is something else.
    """
    data = base64.b64decode(answer.annex)
    expected = "age" if asked.recipients else "none"
    if (answer.organization, answer.encryption) != (partner, expected):
        raise _another(f"is of {answer.organization}, encrypted with {answer.encryption}")
    if answer.encryption == "age":
        if not data.startswith(AGE):
            raise _another("is no age file")
        return
    if sha256(data) != answer.plaintext:
        raise _another("has another digest than it says")
    annex = Annex.parse(data, organization=partner, transfer=transfer)
    leaves = {each["index"]: parse_leaf(base64.b64decode(each["leaf"])) for each in evidence["entries"]}
    decided = {leaf["policy"] for leaf in leaves.values() if "policy" in leaf}
    rested = set()
    for index, opening in annex.openings.items():
        if index not in leaves:
            raise _another(f"opens entry {index}, which is not proved")
        payload = unlock(partner, index, leaves[index], opening)
        rested.add(_entities(payload))
    if not set(annex.bundles) <= decided or not set(annex.slices) <= rested:
        raise _another("has policies or entities that none of the decisions names")


def _entities(payload: Mapping[str, Any]) -> str | None:
    """Return the digest of the entities that an opened decision rested on."""
    try:
        found = json.loads(str(payload.get("record", "{}"))).get("entities")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def _another(what: str) -> InputError:
    return InputError(f"the partner's annex {what}", remedy="Ask them for another.")
