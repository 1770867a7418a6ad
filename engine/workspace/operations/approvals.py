"""Approvals: a second person lets a waiting transfer go on, or refuses it."""

from dataclasses import replace
from typing import Any

from pydantic import Field

from engine.custody.statements import Approval
from engine.digest import JSON
from engine.errors import UsageError
from engine.events import timestamp
from engine.transfer.asking import ask_second, asked_of_approver
from engine.transfer.authorization import draft
from engine.transfer.outgoing import Outgoing
from engine.transfer.pipeline import AWAITING
from engine.transfer.reports import transfer_event
from engine.workspace.authorizing import sign
from engine.workspace.denials import describe_denial
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import list_transfers, transfer_parts


class Answer(Params):
    """Which transfer, and why."""

    transfer: str
    reason: str = Field(min_length=1, max_length=1000)


def waiting(office: Office, call: Call, params: Params) -> dict[str, list[dict[str, Any]]]:
    """Return the transfers that wait for an approval."""
    everything = list_transfers(office, call, params)["transfers"]
    return {"transfers": [each for each in everything if each["state"] == AWAITING]}


def grant(office: Office, call: Call, params: Answer) -> dict[str, JSON]:
    """Sign an approval that is bound to this transfer alone, and keep it for the next run."""
    who = office.caller(call.token).identity
    transfer = _waiting(office, params.transfer)
    parts = transfer_parts(office, call)
    decision = ask_second(parts, transfer, "approve", who)
    if not decision.permitted:
        return describe_denial(decision)
    asked = asked_of_approver(parts, transfer)
    said = draft(Approval, parts, transfer, asked | {"policy": decision.bundle_digest}, reason=params.reason)
    signed = sign(office, parts, transfer, said, who, asked)
    payload: dict[str, JSON] = {"reason": said.reason, "expires": timestamp(said.expires)}
    office.log.record(
        transfer_event(transfer, "approval.granted", said.nonce, payload, actor=who, statement=signed.digest)
    )
    office.outgoing.save(transfer, {"approval": signed.bundle})
    return {"id": transfer.id, "approver": who, "expires": timestamp(said.expires)}


def refuse(office: Office, call: Call, params: Answer) -> dict[str, JSON]:
    """Refuse a waiting transfer for good; whoever may approve may refuse."""
    who = office.caller(call.token).identity
    transfer = _waiting(office, params.transfer)
    decision = ask_second(transfer_parts(office, call), transfer, "approve", who)
    if not decision.permitted:
        return describe_denial(decision)
    payload: dict[str, JSON] = {"reason": params.reason}
    office.log.record(transfer_event(transfer, "approval.refused", decision.id, payload, actor=who))
    ended = replace(transfer, state="denied", detail=f"refused by {who}: {params.reason}")
    office.outgoing.save(ended, {"refused": decision.record})
    return {"id": transfer.id, "refused_by": who}


def _waiting(office: Office, ref: str) -> Outgoing:
    transfer = office.outgoing.get(ref)
    if transfer.state != AWAITING:
        raise UsageError(
            f"{transfer.id} is {transfer.state}; it does not wait for an approval",
            remedy="'lading approval list' shows those that do.",
        )
    return transfer
