"""Approvals: a second person lets a waiting transfer go on, or refuses it."""

from typing import Any

from pydantic import Field

from engine.custody.statements import Approval
from engine.digest import JSON
from engine.errors import UsageError
from engine.events import timestamp
from engine.transfer.asking import ask_second, asked_of_approver, valid_approval
from engine.transfer.authorization import draft
from engine.transfer.outgoing import Outgoing
from engine.transfer.pipeline import AWAITING
from engine.transfer.reports import transfer_event
from engine.workspace.authorizing import put_in_force, sign
from engine.workspace.denials import describe_denial
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import list_transfers, transfer_parts
from engine.workspace.settling import FINAL, occurred, settle


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
    transfer = _waiting(_settled(office, params.transfer))
    parts = transfer_parts(office, call)
    known = valid_approval(parts, transfer)
    if known is not None and known[0] == who:
        return _granted(*known)
    decision = ask_second(parts, transfer, "approve", who)
    if not decision.permitted:
        return describe_denial(decision)
    asked = asked_of_approver(parts, transfer)
    said = draft(Approval, parts, transfer, asked | {"policy": decision.bundle_digest}, reason=params.reason)
    signed = sign(office, parts, transfer, said, who, asked)
    payload: dict[str, JSON] = {"reason": said.reason, "expires": timestamp(said.expires)}
    event = transfer_event(transfer, "approval.granted", said.nonce, payload, actor=who, statement=signed.digest)
    with office.working_on(transfer.id):
        transfer = _waiting(settle(office, transfer.id))
        put_in_force(office, parts, transfer, signed, asked_of_approver(parts, transfer), event)
    return _granted(who, said)


def refuse(office: Office, call: Call, params: Answer) -> dict[str, JSON]:
    """Refuse a waiting transfer for good; whoever may approve may refuse."""
    who = office.caller(call.token).identity
    transfer = _settled(office, params.transfer)
    refused = occurred(office, transfer.id, "approval.refused", FINAL)
    if refused is not None and (refused.payload or {}).get("actor") == who:
        return {"id": transfer.id, "refused_by": who}
    decision = ask_second(transfer_parts(office, call), _waiting(transfer), "approve", who)
    if not decision.permitted:
        return describe_denial(decision)
    with office.working_on(transfer.id):
        transfer = _waiting(settle(office, transfer.id))
        payload: dict[str, JSON] = {"reason": params.reason, "decision": decision.id}
        office.log.record(transfer_event(transfer, "approval.refused", FINAL, payload, actor=who))
        settle(office, transfer.id)
    return {"id": transfer.id, "refused_by": who}


def _granted(who: str, said: Approval) -> dict[str, JSON]:
    return {"id": said.transfer, "approver": who, "expires": timestamp(said.expires)}


def _settled(office: Office, ref: str) -> Outgoing:
    transfer = office.outgoing.get(ref).id
    with office.working_on(transfer):
        return settle(office, transfer)


def _waiting(transfer: Outgoing) -> Outgoing:
    if transfer.state != AWAITING:
        raise UsageError(
            f"{transfer.id} is {transfer.state}; it does not wait for an approval",
            remedy="'lading approval list' shows those that do.",
        )
    return transfer
