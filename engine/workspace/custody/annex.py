"""The annex of this side: the policies and entities that its decisions about a transfer rested on."""

import json
from collections.abc import Collection
from typing import Any, Final

from engine.audit.entry import Entry
from engine.custody.annex import Annex, decisive
from engine.custody.decisions import KINDS
from engine.custody.logs import opening_of
from engine.digest import canonical
from engine.errors import PolicyError
from engine.workspace.office import Office

BILL_ANNEX: Final = "annex"
"""What names of documents begin with that are annexes, encrypted, before a colon."""

FINDINGS = ("validation.passed", "validation.failed")


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


def _told(entry: Entry) -> bool:
    return entry.type in (*KINDS, *FINDINGS) and entry.payload is not None and entry.salt is not None


def _bundle(office: Office, digest: str) -> dict[str, str]:
    try:
        return decisive(office.governance.store.snapshot(digest).files)
    except PolicyError:
        return {}
