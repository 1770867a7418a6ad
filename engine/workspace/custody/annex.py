"""The annex of this side: the policies and entities that its decisions about a transfer rested on."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.audit.entry import Entry
from engine.custody.annex import ANNEX_LIMIT, Annex, decisive
from engine.custody.bill import AnnexNamed
from engine.custody.decisions import KINDS
from engine.custody.logs import opening_of
from engine.digest import canonical, sha256
from engine.errors import InputError, PolicyError
from engine.workspace.custody.handoffs import Handoff
from engine.workspace.office import Office

BILL_ANNEX: Final = "annex"
"""What names of documents begin with that are annexes, before a colon."""

FINDINGS = ("validation.passed", "validation.failed")


@dataclass(frozen=True, slots=True)
class BoundAnnex:
    """An annex as it stands beside a bill.

    Attributes:
        named: how the bill binds it.
        data: its bytes, encrypted or in the clear.
    """

    named: AnnexNamed
    data: bytes


def own_annex(office: Office, transfer: str, proved: Collection[int]) -> Annex:
    """Gather what replays this side's decisions about a transfer, denials and all, and open their entries.

    What is not kept any more is not in it; verifying says so of the decision that rests on it.

    Args:
        office: whose.
        transfer: about which transfer.
        proved: the entries that the bill proves, by index; the annex is about no others.
    """
    log = office.logs.about(transfer)
    entries = [each for each in log.of_transfer(transfer) if each.index in proved and _told(each)]
    records: list[Any] = [
        json.loads(str((each.payload or {}).get("record", "{}"))) for each in entries if each.type in KINDS
    ]
    bundles = {digest: files for record in records if (files := _bundle(office, digest := record["policy"]))}
    wanted = sorted({record["entities"] for record in records if record["entities"]})
    kept = {digest: office.governance.store.slice(digest) for digest in wanted}
    slices = {digest: body.decode() for digest, body in kept.items() if body is not None}
    return Annex(
        organization=office.organization,
        transfer=transfer,
        bundles=bundles,
        slices=slices,
        openings={each.index: opening_of(each.salt or b"", canonical(each.payload)) for each in entries},
    )


def bind_annex(handoff: Handoff, annex: Annex, recipients: Sequence[str]) -> BoundAnnex:
    """Encode an annex, encrypted if recipients are named; the same one to the same recipients is made once.

    Raises:
        InputError: it is too large, or a recipient is none of age.
    """
    plaintext = annex.encode()
    if len(plaintext) > ANNEX_LIMIT:
        raise InputError(f"the annex has {len(plaintext)} bytes, at most {ANNEX_LIMIT} fit", remedy="Leave it out.")
    digest = sha256(plaintext)
    if not recipients:
        return BoundAnnex(AnnexNamed(plaintext=digest, sealed=digest, encryption="none"), plaintext)
    from engine.custody.age import check_recipients, encrypt

    named = check_recipients(recipients)
    name = f"{BILL_ANNEX}:{sha256(canonical([digest, named]))[:32]}"
    sealed = handoff.document(name)
    if sealed is None:
        sealed = encrypt(plaintext, named)
        handoff.keep({name: sealed})
    return BoundAnnex(AnnexNamed(plaintext=digest, sealed=sha256(sealed), encryption="age"), sealed)


def _told(entry: Entry) -> bool:
    return entry.type in (*KINDS, *FINDINGS) and entry.payload is not None and entry.salt is not None


def _bundle(office: Office, digest: str) -> dict[str, str]:
    try:
        return decisive(office.governance.store.snapshot(digest).files)
    except PolicyError:
        return {}
