"""This side's annex for a partner that makes a bill: what of it, to whom, and that it was given.

INVARIANTS
- Nobody gets it who is not named in this organization's own settings: `policy.auditors`, or the partner by
  `policy.annex`. Where decisions are not disclosed, nothing is in the clear.
- In the clear it opens what the partner is shown of the log, and has the policies and entities of that alone.
- That it is given is in the log before it is.
"""

import base64
from typing import Final

from engine.digest import canonical, sha256
from engine.events import Event, event_id
from engine.gateway.evidence import entries_about, openings
from engine.wire.messages import CARRIED_ANNEX, AnnexMessage, AnnexRequest
from engine.wire.problem import ProblemError
from engine.workspace.custody.annex import bind_annex, own_annex
from engine.workspace.custody.handoffs import Handoff, find_handoff
from engine.workspace.custody.logs import belongs, cited_here
from engine.workspace.office import Office

MOST_DISCLOSED: Final = 16
"""How many different annexes of one transfer, or to different auditors, its partner gets."""

_OVERHEAD: Final = 64 << 10  # bytes, more than encryption to fifty recipients adds
_TITLE: Final = "The annex is not disclosed"


def disclose_annex(office: Office, transfer: str, asked: AnnexRequest) -> AnnexMessage:
    """Return what replays this side's decisions about a finished transfer, for its partner.

    Args:
        office: whose.
        transfer: its whole id; whoever calls has made sure that it is with the partner who asks.
        asked: by the partner.

    Raises:
        ProblemError: this side does not give it to them, or cannot.
    """
    handoff = find_handoff(office, transfer)
    if not handoff.finished:
        raise ProblemError(409, "The transfer is not finished", codes=("unfinished",))
    _expect_allowed(office, asked)
    annex = own_annex(office, transfer, _proved(office, handoff, asked))
    plaintext = annex.encode()
    if len(plaintext) > CARRIED_ANNEX - _OVERHEAD:
        raise ProblemError(403, _TITLE, f"it has {len(plaintext)} bytes", codes=("annex-too-large",))
    _record(office, handoff, sha256(plaintext), sorted(set(asked.recipients)))
    bound = bind_annex(handoff, annex, asked.recipients)
    return AnnexMessage(
        organization=office.organization,
        encryption=bound.named.encryption,
        plaintext=bound.named.plaintext,
        annex=base64.b64encode(bound.data).decode(),
    )


def _expect_allowed(office: Office, asked: AnnexRequest) -> None:
    """Refuse what the settings do not allow; which auditors they name is not told."""
    policy = office.settings.policy
    if asked.recipients and not set(asked.recipients) <= set(policy.auditors):
        raise ProblemError(403, _TITLE, "somebody it is for is no auditor of ours", codes=("annex-recipients",))
    if not asked.recipients and not (policy.disclose and policy.annex == "partner"):
        raise ProblemError(403, _TITLE, "not in the clear", codes=("annex-in-the-clear",))


def _proved(office: Office, handoff: Handoff, asked: AnnexRequest) -> set[int]:
    """Return the entries that the annex may be about, by index: for auditors all, in the clear what is shown anyway."""
    row = handoff.row
    log, cited = office.logs.about(row.id), cited_here(office, row.id)
    about = entries_about(log, row.partner, row.id, cited=cited, size=asked.size)
    entries = [each for each in about if belongs(each.public, row)]
    if asked.recipients:
        return {each.index for each in entries}
    return {each.index for each in openings(entries, discloses=True)}


def _record(office: Office, handoff: Handoff, digest: str, recipients: list[str]) -> None:
    """Log that an annex is about to be given; the same one to the same recipients again is the same event.

    Raises:
        ProblemError: that many have been given that whoever asks for another only fills the log.
    """
    row = handoff.row
    id_ = event_id(row.id, f"bill.disclosed:{sha256(canonical([digest, recipients]))}")
    if office.log.find(id_) is not None:
        return
    if sum(each.type == "bill.disclosed" for each in office.log.of_transfer(row.id)) >= MOST_DISCLOSED:
        raise ProblemError(403, _TITLE, f"{MOST_DISCLOSED} were given before", codes=("annex-too-many",))
    office.log.record(
        Event(
            id=id_,
            type="bill.disclosed",
            actor=office.settings.service_identity,
            artifact=row.artifact,
            partner=row.partner,
            transfer=row.id,
            agreement=row.agreement,
            payload={"annex": digest, "encryption": "age" if recipients else "none", "recipients": [*recipients]},
        )
    )
