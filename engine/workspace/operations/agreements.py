"""Agreements: propose one, sign one; the other party's gateway is told if it answers."""

import json
from dataclasses import replace
from pathlib import Path

from engine.agreement import AGREEMENT_TYPE, Agreement, load_agreement, parse_agreement
from engine.digest import JSON, canonical, sha256
from engine.errors import AgreementError, BadSignature, WireError
from engine.events import Event, event_id, timestamp
from engine.wire.messages import AgreementMessage
from engine.workspace.agreements import describe
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params


class Propose(Params):
    """`file`: the agreement, YAML or JSON."""

    file: Path


class Sign(Params):
    """`ref`: id, digest, or eight or more characters of it."""

    ref: str


def propose(office: Office, call: Call, params: Propose) -> dict[str, JSON]:
    """Keep an agreement and show it to the other party."""
    who = office.caller(call.token).identity
    agreement = load_agreement(params.file)
    _other(office, agreement)
    if denied := office.denial("administer", who):
        return denied
    office.log.record(_event("agreement.proposed", who, agreement, office))
    office.agreements.put(agreement)
    return _told(office, agreement)


def sign(office: Office, call: Call, params: Sign) -> dict[str, JSON]:
    """Sign an agreement for this organization; signing again only tells the other party again."""
    who = office.caller(call.token).identity
    agreement = office.agreements.get(params.ref)
    _other(office, agreement)
    if denied := office.denial("administer", who):
        return denied
    if office.organization not in office.standing(agreement).signed:
        statement = agreement.statement()
        bundle = office.sign(statement, who)
        trust = office.trust.organization_trust(office.organization)
        trust.verify(bundle, predicate_type=AGREEMENT_TYPE)
        office.log.record(_event("agreement.signed", who, agreement, office, statement=sha256(statement)))
        office.agreements.put_bundle(agreement.digest, office.organization, bundle)
    return _told(office, agreement)


def record_ended(office: Office) -> None:
    """Record each agreement that this organization signed and that has expired, once."""
    now, actor = office.clock(), office.settings.service_identity
    for agreement in office.agreements.list():
        signed = office.organization in office.agreements.bundles(agreement.digest)
        event = _event("agreement.ended", actor, agreement, office)
        if signed and agreement.expires <= now and not any(log.find(event.id) for log in office.logs.all):
            office.log.record(replace(event, payload={**event.payload, "expired": timestamp(agreement.expires)}))


def _told(office: Office, agreement: Agreement) -> dict[str, JSON]:
    """Exchange signatures with the other party; say so if it cannot be reached."""
    other = _other(office, agreement)
    held = office.agreements.bundles(agreement.digest)
    message = AgreementMessage(
        agreement=agreement.canonical().decode(), bundles={org: json.loads(data) for org, data in held.items()}
    )
    try:
        answer = office.dialing.partner(other).agreement(message)
    except WireError as error:
        return describe(office.standing(agreement)) | {"told": False, "why": str(error)}
    _take(office, agreement, other, answer)
    return describe(office.standing(agreement)) | {"told": True}


def _take(office: Office, agreement: Agreement, other: str, answer: AgreementMessage) -> None:
    """Keep the other party's signature, after verifying that it is over this very agreement."""
    bundle = answer.bundles.get(other)
    if bundle is None:
        return
    data = canonical(bundle)
    signed = office.trust.organization_trust(other).verify(data, predicate_type=AGREEMENT_TYPE)
    if parse_agreement(answer.agreement.encode()).digest != agreement.digest or signed.payload != agreement.statement():
        raise BadSignature(f"{other} signed another agreement", remedy="Compare what each side proposed.")
    kind, statement = "agreement.received", sha256(signed.payload)
    office.log.record(_event(kind, signed.signatory.identity, agreement, office, statement=statement))
    office.agreements.put_bundle(agreement.digest, other, data)


def _other(office: Office, agreement: Agreement) -> str:
    """Return the other party, which must be a confirmed partner."""
    ours = office.organization
    if ours not in agreement.parties:
        raise AgreementError(
            f"{agreement.id} is between {' and '.join(agreement.parties)}, not of {ours}",
            remedy="Propose an agreement that names this organization.",
        )
    other = next(party for party in agreement.parties if party != ours)
    office.trust.partner(other)
    return other


def _event(kind: str, who: str, agreement: Agreement, office: Office, *, statement: str | None = None) -> Event:
    return Event(
        id=event_id(agreement.digest, f"{kind}:{who}"),
        type=kind,
        actor=who,
        partner=next(party for party in agreement.parties if party != office.organization),
        agreement=agreement.digest,
        statement=statement,
        payload={"id": agreement.id},
    )
