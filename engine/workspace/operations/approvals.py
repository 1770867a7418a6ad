"""Approvals: a second person lets a waiting transfer go on, or refuses it."""

from dataclasses import replace
from typing import Any

from pydantic import Field

from engine.custody.statements import Approval, fresh_nonce
from engine.digest import JSON, sha256
from engine.errors import UsageError
from engine.events import timestamp
from engine.transfer.asking import APPROVAL_LIFE, ask_second
from engine.transfer.outgoing import Outgoing
from engine.transfer.pipeline import AWAITING
from engine.transfer.reports import transfer_event
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
    now = office.clock()
    approval = Approval(
        transfer=transfer.id,
        sender=office.organization,
        receiver=transfer.partner,
        artifact=transfer.artifact,
        agreement=transfer.agreement,
        nonce=fresh_nonce(),
        issued=now,
        checkpoint="",
        requester=transfer.actor,
        purpose=transfer.purpose,
        policy=decision.bundle_digest,
        reason=params.reason,
        expires=now + APPROVAL_LIFE,
    )
    statement = approval.statement()
    bundle = office.sign(statement, who)
    trust = office.trust.organization_trust(office.organization)
    trust.verify(bundle, predicate_type=Approval.predicate_type())
    payload: dict[str, JSON] = {"reason": params.reason, "expires": timestamp(approval.expires)}
    office.log.record(
        transfer_event(transfer, "approval.granted", approval.nonce, payload, actor=who, statement=sha256(statement))
    )
    office.outgoing.save(transfer, {"approval": bundle})
    return {"id": transfer.id, "approver": who, "expires": timestamp(approval.expires)}


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
