"""Partners: take in a trust document, confirm it, issue one's own."""

from pathlib import Path

from pydantic import Field

from engine.digest import JSON
from engine.errors import InputError
from engine.events import Event, event_id
from engine.signing.trust_document import LIMIT, fingerprint
from engine.workspace.issuing import issue_document
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params
from engine.workspace.partners import describe


class Add(Params):
    """`file`: the partner's trust document."""

    file: Path


class Confirm(Params):
    """The fingerprint, as the partner told it over another channel."""

    organization: str
    fingerprint: str = Field(max_length=200)


def add_partner(office: Office, call: Call, params: Add) -> dict[str, JSON]:
    """Keep a partner's trust document until its fingerprint is confirmed."""
    who = office.caller(call.token).identity
    data = _read(params.file)
    if denied := office.denial("administer", who):
        return denied
    document = office.trust.add_pending(data, now=office.clock())
    office.log.record(_event("partner.added", who, document.organization, document.version, fingerprint(document)))
    return describe(document)


def confirm_partner(office: Office, call: Call, params: Confirm) -> dict[str, JSON]:
    """Pin a partner's trust document, if the fingerprint is the one it has."""
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    waiting = {each.organization: each for each in office.trust.pending()}.get(params.organization)
    if waiting is None and params.organization in office.trust.partners():
        return describe(office.trust.partner(params.organization)) | {"known": True}
    document = office.trust.confirm(params.organization, params.fingerprint, now=office.clock())
    office.log.record(_event("partner.confirmed", who, document.organization, document.version, fingerprint(document)))
    office.partners_changed()
    return describe(document)


def issue_trust(office: Office, call: Call, _: Params) -> dict[str, JSON]:
    """Make the next version of this organization's own trust document, if anything in it changed."""
    who = office.caller(call.token).identity
    if denied := office.denial("administer", who):
        return denied
    document, changed = issue_document(office.layout, office.settings, office.clock())
    if changed:
        office.log.record(_event("trust.issued", who, document.organization, document.version, fingerprint(document)))
    return describe(document) | {"changed": changed}


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise InputError(f"{file} has more than {LIMIT} bytes", remedy="Name the partner's trust document.")
    return data


def _event(kind: str, who: str, organization: str, version: int, shown: str) -> Event:
    return Event(
        id=event_id(organization, f"{kind}:{version}:{shown}"),
        type=kind,
        actor=who,
        partner=organization if kind != "trust.issued" else None,
        payload={"version": version, "fingerprint": shown},
    )
