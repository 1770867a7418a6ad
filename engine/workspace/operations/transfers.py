"""Transfers: send, and list both ways."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from engine.agreement.strict_yaml import parse_yaml
from engine.custody.statements import DeliveryReceipt, Verdict
from engine.digest import JSON
from engine.errors import InputError, UsageError
from engine.transfer.outgoing import Order, Outgoing
from engine.transfer.parts import Parts
from engine.transfer.pipeline import begin, run
from engine.transfer.source import source_of
from engine.workspace.custody.links import onward_chain
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.settings import explain
from engine.workspace.settling import settle

PLAN_LIMIT = 1 << 20
PATIENCE_SECONDS = 60.0
MIB = 1 << 20


class Plan(Params):
    """What is to be handed over; also the format of a plan file."""

    artifact: str | None = None
    partner: str | None = None
    agreement: str | None = None
    purpose: str | None = None
    impact: str | None = Field(default=None, max_length=2000)
    rate_limit: float | None = Field(default=None, gt=0)
    patience: float | None = Field(default=None, ge=0)


class PlanFile(Plan):
    """A plan as a file; see `samples/plan.yaml`."""

    format: str = Field(pattern=r"^lading/plan/v1$")


class Send(Plan):
    """A plan on the command line, over one from a file."""

    plan: Path | None = None


def send(office: Office, call: Call, params: Send) -> dict[str, JSON]:
    """Hand an artifact to a partner, or go on with a transfer that was left unfinished."""
    who = office.caller(call.token).identity
    wanted = _wanted(params)
    artifact = office.registry.get(_required(wanted, "artifact"))
    partner = _required(wanted, "partner")
    office.trust.partner(partner)
    agreement = office.agreements.get(_required(wanted, "agreement"))
    order = Order(
        artifact=artifact.root,
        partner=partner,
        agreement=agreement.digest,
        purpose=_required(wanted, "purpose"),
        impact=wanted.impact or "",
        actor=who,
    )
    parts = transfer_parts(office, call, wanted)
    transfer = begin(parts, order)
    with office.working_on(transfer.id):
        outcome = run(parts, settle(office, transfer.id))
    office.remember_own()
    return describe(office, outcome)


def list_transfers(office: Office, call: Call, _: Params) -> dict[str, list[dict[str, Any]]]:
    """Return transfers both ways, newest first; it names no content, only what this organization does."""
    office.caller(call.token)
    out = [_brief("out", each) for each in office.outgoing.all()]
    incoming = [_brief("in", each) for each in office.incoming.all()]
    return {"transfers": sorted([*out, *incoming], key=lambda each: each["started"], reverse=True)}


def transfer_parts(office: Office, call: Call, wanted: Plan | None = None) -> Parts:
    """Compose what the pipeline needs from this office."""
    rate = wanted.rate_limit if wanted else None
    patience = wanted.patience if wanted and wanted.patience is not None else PATIENCE_SECONDS
    return Parts(
        organization=office.organization,
        reauthorize_seconds=office.settings.gateway.reauthorize_seconds,
        clock=office.clock,
        recorder=office.log,
        table=office.outgoing,
        registry=office.registry,
        judge=office.judge,
        standing=lambda digest: office.agreement(digest)[1],
        trust=office.trust.organization_trust,
        region=lambda organization: office.trust.document(organization).region,
        source=lambda artifact: source_of(office.store, artifact),
        attestation=office.attestation,
        custody=lambda artifact: onward_chain(office, artifact),
        sign=office.sign,
        connect=office.dialing.partner,
        log_keys=office.log_keys,
        witness=office.witness,
        witness_keys=office.witness_keys,
        remember=office.checkpoints.receive,
        unproven=office.checkpoints.unproven,
        newest_checkpoint=office.newest_checkpoint,
        prove_consistency=office.log.prove_consistency,
        add_cosignature=office.add_cosignature,
        progress=call.progress,
        tickets=office.tickets,
        free=office.governance.store.free,
        consume=office.governance.store.consume,
        stop=call.cancelled,
        rate_limit=rate * MIB if rate is not None else None,
        patience_seconds=patience,
    )


def describe(office: Office, transfer: Outgoing) -> dict[str, JSON]:
    """Return a transfer as it stands, with what a person wants to know of its documents."""
    described: dict[str, Any] = {
        "id": transfer.id,
        "artifact": f"{transfer.name}:{transfer.version}",
        "root": transfer.artifact,
        "partner": transfer.partner,
        "agreement": transfer.agreement,
        "purpose": transfer.purpose,
        "state": transfer.state,
        "step": transfer.step,
        "detail": transfer.detail,
        "chunks_total": transfer.chunks_total,
        "bytes_total": transfer.bytes_total,
        "sent_twice": max(0, transfer.chunks_sent - transfer.chunks_total),
    }
    conditions = office.outgoing.document(transfer.id, "conditions")
    if conditions is not None:
        described["reasons"] = [
            {"policy": c["policy"], "condition": c["sentence"], "remedy": c["remedy"]} for c in json.loads(conditions)
        ]
    trust = office.trust.organization_trust(transfer.partner)
    receipt = office.outgoing.document(transfer.id, "receipt")
    if receipt is not None:
        signed = trust.verify(receipt, predicate_type=DeliveryReceipt.predicate_type())
        described["receipt_by"] = signed.signatory.identity
    verdict = office.outgoing.document(transfer.id, "verdict")
    if verdict is not None:
        described["verdict"] = Verdict.read(trust.verify(verdict, predicate_type=Verdict.predicate_type())).verdict
    return described


def _wanted(params: Send) -> Plan:
    """Merge a plan file with what was given beside it; what was given wins."""
    given = params.model_dump(exclude_none=True, exclude={"plan"})
    if params.plan is None:
        return Plan(**given)
    try:
        data = params.plan.read_bytes()[: PLAN_LIMIT + 1]
        filed = PlanFile.model_validate(parse_yaml(data.decode("utf-8")))
    except ValidationError as error:
        raise InputError(f"{params.plan}: {explain(error)}", remedy="See samples/plan.yaml for every field.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{params.plan} cannot be read: {error}", remedy="See samples/plan.yaml.") from None
    return Plan(**(filed.model_dump(exclude_none=True, exclude={"format"}) | given))


def _required(plan: Plan, field: str) -> str:
    value: str | None = getattr(plan, field)
    if not value:
        option = "to" if field == "partner" else field
        raise UsageError(f"nothing says which {field}", remedy=f"Give --{option}, or a --plan that has it.")
    return value


def _brief(direction: str, transfer: Any) -> dict[str, Any]:
    return {
        "id": transfer.id,
        "direction": direction,
        "partner": transfer.partner,
        "artifact": f"{transfer.name}:{transfer.version}",
        "root": transfer.artifact,
        "state": transfer.state,
        "step": transfer.step,
        "detail": transfer.detail,
        "started": transfer.started,
    }
