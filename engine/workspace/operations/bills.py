"""Bills of lading: gather what proves a finished transfer, sent or received, sign it, seal it."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal

from engine.custody.age import check_recipients
from engine.custody.bill import ABSENT, BILL_LIMIT, Absence, Bill, issue, seal_bill
from engine.custody.earlier import earlier_of
from engine.custody.logs import RECEIVER_EVENTS, SENDER_EVENTS
from engine.digest import JSON, canonical
from engine.errors import InputError, UsageError, WireError
from engine.events import Event, event_id, timestamp
from engine.gateway.incoming import Incoming
from engine.signing.trust_document import fingerprint
from engine.transfer.evidence import seek_cosignature
from engine.transfer.network import anywhere
from engine.workspace.composition import approvals_of
from engine.workspace.custody.annex import BoundAnnex, bind_annex, own_annex
from engine.workspace.custody.asking import partners_annex
from engine.workspace.custody.handoffs import Handoff, find_handoff
from engine.workspace.custody.logs import BILL_EVIDENCE, own_log, partners_log
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import transfer_parts

STATEMENTS: Final = ("offer", "acceptance", "receipt", "verdict")


class Create(Params):
    """Which transfer, and what goes with its bill.

    Attributes:
        transfer: its id, or a unique prefix of it.
        annex: whether the bill gets an annex in the clear.
        annex_for: age recipients an annex is encrypted to.
        renew: collect the evidence of both logs again, instead of using what the last bill had.
    """

    transfer: str
    annex: Literal["none", "clear"] = "none"
    annex_for: tuple[str, ...] = ()
    renew: bool = False


def create(office: Office, call: Call, params: Create) -> dict[str, JSON]:
    """Build, sign and seal the bill of a finished transfer that this organization sent or received.

    Again, from the same evidence, it has the same bytes in `bill` and is one event in the log.
    """
    who = office.caller(call.token).identity
    handoff = find_handoff(office, params.transfer)
    if not handoff.finished:
        raise UsageError(
            f"{handoff.row.id} is {handoff.row.state}: there is no bill before it is finished",
            remedy="Finish it with 'lading send', then create the bill.",
        )
    if params.annex == "clear" and params.annex_for:
        raise UsageError("an annex is either in the clear or for named auditors", remedy="Give one of the two.")
    if params.annex == "clear" and not office.settings.policy.disclose:
        raise UsageError(
            "policy.disclose is false: decisions are shown to nobody, so that there is no annex in the clear",
            remedy="Encrypt the annex to an auditor, with --annex-for.",
        )
    bill, annexes = _gather(office, call, handoff, params)
    data = seal_bill(bill, office.sign(bill.statement(), who), office.log_signer, annexes)
    if len(data) > BILL_LIMIT:
        raise InputError(f"the bill has {len(data)} bytes, at most {BILL_LIMIT} fit", remedy="Leave the annex out.")
    _record(office, handoff, bill, who)
    return {
        "bill": data.decode(),
        "transfer": handoff.row.id,
        "size": len(data),
        "digest": bill.digest,
        "signed_by": who,
        "absent": {org: ABSENT[why] for org, why in bill.absent.items()},
    }


def _gather(office: Office, call: Call, handoff: Handoff, params: Create) -> tuple[Bill, dict[str, bytes]]:
    row, us = handoff.row, office.organization
    evidence = _evidence(office, call, handoff, renew=params.renew)
    agreement = office.agreements.get(row.agreement)
    manifest = office.registry.get(row.artifact).manifest
    annexes, absent = _annexes(office, call, handoff, params, evidence["logs"])
    facts: dict[str, Any] = {
        "transfer": row.id,
        "issuer": us,
        "sender": handoff.sender,
        "receiver": handoff.receiver,
        "artifact": row.artifact,
        "manifest": manifest.canonical().decode(),
        "agreement": agreement.canonical().decode(),
        "signatures": _signatures(office, handoff) | evidence["statements"],
        "logs": evidence["logs"],
        "trust": {org: fingerprint(office.trust.document(org)) for org in (handoff.sender, handoff.receiver)},
        "annexes": {org: each.named for org, each in annexes.items()},
        "absent": absent,
        "custody": earlier_of(_chain(handoff)),
    }
    undated = Bill(issued=datetime.fromtimestamp(0, office.clock().tzinfo), **facts)
    return Bill(issued=_issued(office, handoff, undated.digest), **facts), {
        org: each.data for org, each in annexes.items()
    }


def _issued(office: Office, handoff: Handoff, content: str) -> datetime:
    """Return when a bill with this content was first made; now, if it never was, and from now on that."""
    kept = handoff.document(f"bill-issued:{content[:32]}")
    if kept is not None:
        return datetime.fromisoformat(kept.decode())
    now = issue(office.clock())
    handoff.keep({f"bill-issued:{content[:32]}": timestamp(now).encode()})
    return now


def _evidence(office: Office, call: Call, handoff: Handoff, *, renew: bool) -> dict[str, Any]:
    """Return what both logs prove, with their openings, and the statements that opened with them.

    Once both parties' witnesses cosigned, it is kept: the next bill of this transfer has the same.
    """
    kept = None if renew else handoff.document(BILL_EVIDENCE)
    if kept is not None:
        return dict(json.loads(kept))
    us, row = office.organization, handoff.row
    parts = transfer_parts(office, call)
    shown = handoff.document("evidence"), handoff.document("record")
    events = SENDER_EVENTS if row.partner == handoff.sender else RECEIVER_EVENTS
    theirs, statements, cosigned = partners_log(parts, row, None if renew else shown, events)
    ours, witnessed = own_log(office, row)
    if not witnessed:
        with suppress(WireError):  # without a partner that answers, the evidence is graded for what it is
            seek_cosignature(parts, parts.connect(row.partner, anywhere), row.partner)
            ours, witnessed = own_log(office, row)
    if us == handoff.sender and office.settings.policy.disclose:
        statements |= {name: json.loads(bundle) for name, bundle in approvals_of(office, row.id).items()}
    found: dict[str, Any] = {"logs": {us: ours, row.partner: theirs}, "statements": statements}
    if cosigned and witnessed:
        handoff.keep({BILL_EVIDENCE: canonical(found)})
    return found


def _signatures(office: Office, handoff: Handoff) -> dict[str, Any]:
    row = handoff.row
    kept: dict[str, Any] = {name: json.loads(handoff.document(name) or b"null") for name in STATEMENTS}
    if isinstance(row, Incoming):
        kept["offer"] = json.loads(handoff.document("message") or b"{}").get("offer")
    kept |= {name: json.loads(office.attestation(row.artifact, name)) for name in ("model", "manifest")}
    bundles = office.agreements.bundles(row.agreement)
    return kept | {f"agreement:{org}": json.loads(bundle) for org, bundle in bundles.items()}


def _chain(handoff: Handoff) -> list[dict[str, Any]]:
    """Return the chain of custody that went with the offer, bundles by name; empty if the sender made the artifact."""
    if isinstance(handoff.row, Incoming):
        return list(json.loads(handoff.document("message") or b"{}").get("custody") or [])
    return list(json.loads(handoff.document("custody") or b"[]"))


def _annexes(
    office: Office, call: Call, handoff: Handoff, params: Create, logs: Mapping[str, Any]
) -> tuple[dict[str, BoundAnnex], dict[str, Absence]]:
    """Make this side's annex as it was asked for, and ask the partner for its own; return why it has none."""
    if params.annex == "none" and not params.annex_for:
        return {}, {}
    us, partner = office.organization, handoff.row.partner
    proved = {each["index"] for each in logs[us]["entries"]}
    recipients = check_recipients(params.annex_for)
    annexes = {us: bind_annex(handoff, own_annex(office, handoff.row.id, proved), recipients)}
    theirs = partners_annex(transfer_parts(office, call), handoff, logs[partner], recipients)
    if isinstance(theirs, BoundAnnex):
        return annexes | {partner: theirs}, {}
    return annexes, {partner: theirs}


def _record(office: Office, handoff: Handoff, bill: Bill, who: str) -> None:
    """Log that the bill was made; the same content is the same event, whoever has it made again."""
    row, id_ = handoff.row, event_id(bill.transfer, f"bill.created:{bill.digest}")
    if office.log.find(id_) is not None:
        return
    payload: dict[str, JSON] = {"digest": bill.digest, "annexes": sorted(bill.annexes)}
    office.log.record(
        Event(
            id=id_,
            type="bill.created",
            actor=who,
            artifact=row.artifact,
            partner=row.partner,
            transfer=row.id,
            agreement=row.agreement,
            payload=payload,
        )
    )
