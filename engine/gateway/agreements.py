"""Agreements that partners bring: examined, recorded and kept until this organization's people sign them, or do not.

INVARIANT: of the agreements with one partner that this organization has not signed, at most `MOST_WAITING` are there
because the partner brought them. Only this side's people make room, so that no partner fills the disk or the log.
"""

import json
from typing import Final

from engine.agreement import AGREEMENT_TYPE, Agreement, parse_agreement
from engine.digest import canonical
from engine.errors import EvidenceError
from engine.events import Event, event_id
from engine.gateway.parts import GatewayParts
from engine.wire.messages import AgreementMessage
from engine.wire.problem import ProblemError

MOST_WAITING: Final = 32
"""How many agreements with one partner may wait for this organization's signature before it takes no other."""


def take_agreement(parts: GatewayParts, peer: str, message: AgreementMessage) -> AgreementMessage:
    """Take in an agreement and the partner's signature; return what is here. One at a time.

    One that is here already is taken again, with what signature comes with it, however many wait.

    Raises:
        AgreementError: it is no agreement.
        ProblemError: it is between others, the signature is not the partner's over it, or too many wait.
    """
    agreement = parse_agreement(message.agreement.encode(), what="the agreement")
    if set(agreement.parties) != {peer, parts.organization}:
        raise ProblemError(403, "Not an agreement between us", codes=("agreement-parties",))
    bundle = message.bundles.get(peer)
    if bundle is not None:
        _check_signature(parts, peer, agreement, canonical(bundle))
    folder = parts.agreements
    if agreement.digest not in folder:
        _expect_room(parts, peer)
    parts.log.record(_event(parts, peer, agreement, "signed" if bundle else "proposed"))
    folder.put(agreement)
    if bundle is not None:
        folder.put_bundle(agreement.digest, peer, canonical(bundle))
    held = folder.bundles(agreement.digest)
    return AgreementMessage(agreement=message.agreement, bundles={org: json.loads(data) for org, data in held.items()})


def _check_signature(parts: GatewayParts, peer: str, agreement: Agreement, bundle: bytes) -> None:
    try:
        signed = parts.trust(peer).verify(bundle, predicate_type=AGREEMENT_TYPE)
    except EvidenceError as error:
        raise ProblemError(
            403, "The agreement's signature does not verify", str(error), codes=("agreement-signature",)
        ) from None
    if signed.payload != agreement.statement():
        raise ProblemError(400, "The signature is over another agreement", codes=("agreement-mismatch",))


def _expect_room(parts: GatewayParts, peer: str) -> None:
    """Refuse one more agreement while too many wait: whoever proposed them, expired or not.

    If those that expired made room, a partner could go on and on with agreements that expire in a minute.
    """
    folder, ours = parts.agreements, parts.organization
    waiting = sum(peer in each.parties and ours not in folder.bundles(each.digest) for each in folder.list())
    if waiting >= MOST_WAITING:
        raise ProblemError(
            403,
            "Too many agreements wait",
            f"{waiting} between us wait for the signature of {ours}, expected fewer than {MOST_WAITING}",
            codes=("agreements-waiting",),
            remedy=f"Ask {ours} to sign or remove some of them, and propose this one again; those can still be signed.",
        )


def _event(parts: GatewayParts, peer: str, agreement: Agreement, what: str) -> Event:
    return Event(
        id=event_id(agreement.digest, f"agreement.received:{peer}:{what}"),
        type="agreement.received",
        actor=parts.identity,
        partner=peer,
        agreement=agreement.digest,
        payload={"id": agreement.id, "what": what},
    )
