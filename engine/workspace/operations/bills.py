"""Bills of lading: gather what proves a finished transfer, sent or received, sign it, seal it."""

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from engine.custody.annex import ANNEX_LIMIT
from engine.custody.bill import BILL_LIMIT, AnnexNamed, Bill, issue, seal_bill
from engine.custody.earlier import earlier_of
from engine.digest import JSON, canonical, sha256
from engine.errors import InputError, UsageError, WireError
from engine.events import Event, event_id, timestamp
from engine.gateway.incoming import Incoming
from engine.signing.trust_document import fingerprint
from engine.transfer.evidence import seek_cosignature
from engine.transfer.network import anywhere
from engine.transfer.outgoing import Outgoing
from engine.workspace.composition import approvals_of
from engine.workspace.custody.annex import BILL_ANNEX, own_annex
from engine.workspace.custody.logs import BILL_EVIDENCE, own_log, partners_log
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.operations.transfers import transfer_parts

FINISHED: Final = frozenset({"completed", "quarantined"})
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


@dataclass(frozen=True, slots=True)
class _Handoff:
    """A finished transfer, whichever way it went."""

    row: Outgoing | Incoming
    sender: str
    receiver: str
    document: Callable[[str], bytes | None]
    keep: Callable[[Mapping[str, bytes]], object]


def create(office: Office, call: Call, params: Create) -> dict[str, JSON]:
    """Build, sign and seal the bill of a finished transfer that this organization sent or received.

    Again, from the same evidence, it has the same bytes in `bill` and is one event in the log.
    """
    who = office.caller(call.token).identity
    handoff = _find(office, params.transfer)
    if handoff.row.state not in FINISHED:
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
    }


def _find(office: Office, ref: str) -> _Handoff:
    """Find a transfer among those sent and those received.

    Raises:
        InputError: there is none, or more than one.
    """
    rows: list[Outgoing | Incoming] = [*office.outgoing.all(), *office.incoming.all()]
    found = [row for row in rows if row.id.startswith(ref)] if ref else []
    if len(found) != 1:
        raise InputError(
            f"{'no' if not found else 'more than one'} transfer is called {ref!r}",
            remedy="'lading transfer list' shows them all.",
        )
    row, us = found[0], office.organization
    if isinstance(row, Outgoing):
        sent = row
        return _Handoff(
            row,
            us,
            row.partner,
            lambda name: office.outgoing.document(sent.id, name),
            lambda documents: office.outgoing.save(sent, documents),
        )
    got = row
    return _Handoff(
        row,
        row.partner,
        us,
        lambda name: office.incoming.document(got.id, name),
        lambda documents: office.incoming.save(
            got, state=got.state, step=got.step, detail=got.detail, documents=documents
        ),
    )


def _gather(office: Office, call: Call, handoff: _Handoff, params: Create) -> tuple[Bill, dict[str, bytes]]:
    row, us = handoff.row, office.organization
    evidence = _evidence(office, call, handoff, renew=params.renew)
    agreement = office.agreements.get(row.agreement)
    manifest = office.registry.get(row.artifact).manifest
    proved = {each["index"] for each in evidence["logs"][us]["entries"]}
    annex, sealed = _annex(office, handoff, params, proved)
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
        "annexes": {us: annex} if annex else {},
        "custody": earlier_of(_chain(handoff)),
    }
    undated = Bill(issued=datetime.fromtimestamp(0, office.clock().tzinfo), **facts)
    return Bill(issued=_issued(office, handoff, undated.digest), **facts), {us: sealed} if annex else {}


def _issued(office: Office, handoff: _Handoff, content: str) -> datetime:
    """Return when a bill with this content was first made; now, if it never was, and from now on that."""
    kept = handoff.document(f"bill-issued:{content[:32]}")
    if kept is not None:
        return datetime.fromisoformat(kept.decode())
    now = issue(office.clock())
    handoff.keep({f"bill-issued:{content[:32]}": timestamp(now).encode()})
    return now


def _evidence(office: Office, call: Call, handoff: _Handoff, *, renew: bool) -> dict[str, Any]:
    """Return what both logs prove, with their openings, and the statements that opened with them.

    Once both parties' witnesses cosigned, it is kept: the next bill of this transfer has the same.
    """
    kept = None if renew else handoff.document(BILL_EVIDENCE)
    if kept is not None:
        return dict(json.loads(kept))
    us, partner, transfer = office.organization, handoff.row.partner, handoff.row.id
    parts = transfer_parts(office, call)
    shown = handoff.document("evidence"), handoff.document("record")
    theirs, statements, cosigned = partners_log(parts, partner, transfer, None if renew else shown)
    ours, witnessed = own_log(office, partner, transfer)
    if not witnessed:
        with suppress(WireError):  # without a partner that answers, the evidence is graded for what it is
            seek_cosignature(parts, parts.connect(partner, anywhere), partner)
            ours, witnessed = own_log(office, partner, transfer)
    if us == handoff.sender and office.settings.policy.disclose:
        statements |= {name: json.loads(bundle) for name, bundle in approvals_of(office, transfer).items()}
    found: dict[str, Any] = {"logs": {us: ours, partner: theirs}, "statements": statements}
    if cosigned and witnessed:
        handoff.keep({BILL_EVIDENCE: canonical(found)})
    return found


def _signatures(office: Office, handoff: _Handoff) -> dict[str, Any]:
    row = handoff.row
    kept: dict[str, Any] = {name: json.loads(handoff.document(name) or b"null") for name in STATEMENTS}
    if isinstance(row, Incoming):
        kept["offer"] = json.loads(handoff.document("message") or b"{}").get("offer")
    kept |= {name: json.loads(office.attestation(row.artifact, name)) for name in ("model", "manifest")}
    bundles = office.agreements.bundles(row.agreement)
    return kept | {f"agreement:{org}": json.loads(bundle) for org, bundle in bundles.items()}


def _chain(handoff: _Handoff) -> list[dict[str, Any]]:
    """Return the chain of custody that went with the offer, bundles by name; empty if the sender made the artifact."""
    if isinstance(handoff.row, Incoming):
        return list(json.loads(handoff.document("message") or b"{}").get("custody") or [])
    return list(json.loads(handoff.document("custody") or b"[]"))


def _annex(
    office: Office, handoff: _Handoff, params: Create, proved: Collection[int]
) -> tuple[AnnexNamed | None, bytes]:
    """Make this side's annex as it was asked for; encrypted, the same one to the same auditors is made once."""
    if params.annex == "none" and not params.annex_for:
        return None, b""
    plaintext = own_annex(office, handoff.row.id, proved).encode()
    if len(plaintext) > ANNEX_LIMIT:
        raise InputError(f"the annex has {len(plaintext)} bytes, at most {ANNEX_LIMIT} fit", remedy="Leave it out.")
    digest = sha256(plaintext)
    if not params.annex_for:
        return AnnexNamed(plaintext=digest, sealed=digest, encryption="none"), plaintext
    from engine.custody.age import check_recipients, encrypt

    recipients = check_recipients(params.annex_for)
    name = f"{BILL_ANNEX}:{sha256(canonical([digest, recipients]))[:32]}"
    sealed = handoff.document(name)
    if sealed is None:
        sealed = encrypt(plaintext, recipients)
        handoff.keep({name: sealed})
    return AnnexNamed(plaintext=digest, sealed=sha256(sealed), encryption="age"), sealed


def _record(office: Office, handoff: _Handoff, bill: Bill, who: str) -> None:
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
