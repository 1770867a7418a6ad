"""Agreements of a workspace and how they stand now. Reading needs no owner."""

from datetime import datetime
from pathlib import Path

from engine.agreement import Agreement, AgreementFolder, Standing, standing
from engine.digest import JSON
from engine.errors import InputError
from engine.events import system_clock, timestamp
from engine.signing import OrganizationTrust
from engine.signing.trust_folder import TrustFolder
from engine.workspace.layout import Layout
from engine.workspace.settings import load_settings


def judge_agreement(layout: Layout, agreement: Agreement, now: datetime) -> Standing:
    """Judge an agreement: each signature under its own organization's pinned trust, successors considered."""
    folder, trust = AgreementFolder(layout.agreements), TrustFolder(layout.trust)
    trusts = _trusts(trust, agreement)
    documents = {org: trust.document(org).digest for org in trusts}
    later = [
        standing(each, folder.bundles(each.digest), trusts, now, documents=documents)
        for each in folder.successors(agreement)
    ]
    bundles = folder.bundles(agreement.digest)
    return standing(agreement, bundles, trusts, now, documents=documents, successors=later)


def describe(stands: Standing) -> dict[str, JSON]:
    """Return an agreement and its standing as JSON values."""
    agreement = stands.agreement
    return {
        "id": agreement.id,
        "digest": agreement.digest,
        "provider": agreement.provider,
        "consumer": agreement.consumer,
        "effective": timestamp(agreement.effective),
        "expires": timestamp(agreement.expires),
        "in_force": stands.in_force,
        "signed_by": sorted(f"{org} ({signed.signatory.identity})" for org, signed in stands.signed.items()),
        "problems": [problem.message for problem in stands.problems],
        "terms": agreement.terms.model_dump(mode="json"),
    }


def show_agreement(home: Path, ref: str) -> dict[str, JSON]:
    """Return one agreement and how it stands now."""
    layout = Layout(home)
    load_settings(layout.settings)
    agreement = AgreementFolder(layout.agreements).get(ref)
    return describe(judge_agreement(layout, agreement, system_clock()))


def list_agreements(home: Path) -> dict[str, JSON]:
    """Return every agreement and how it stands now."""
    layout = Layout(home)
    load_settings(layout.settings)
    now = system_clock()
    found = AgreementFolder(layout.agreements).list()
    return {"agreements": [describe(judge_agreement(layout, agreement, now)) for agreement in found]}


def _trusts(trust: TrustFolder, agreement: Agreement) -> dict[str, OrganizationTrust]:
    """Return the trust of each party we know; one we do not know leaves its signature unproved."""
    known = {}
    for party in agreement.parties:
        try:
            known[party] = trust.organization_trust(party)
        except InputError:
            continue
    return known
