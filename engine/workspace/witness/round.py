"""One round of witnessing: ask every witness, examine partners' logs, raise alarms about whoever is late.

All are asked about the same checkpoint, since a quorum is one of cosignatures at one size.
"""

import logging
import threading
import time
from datetime import timedelta
from functools import partial

from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import NoteKey
from engine.digest import JSON, canonical
from engine.errors import LadingError, WireError
from engine.events import Event, event_id
from engine.files import write_atomic
from engine.gateway.third_parties import ThirdParties, ThirdParty
from engine.transfer.evidence import seek_cosignature
from engine.wire.witnessing import ask_witness
from engine.workspace.office import Office
from engine.workspace.operations import Call
from engine.workspace.operations.transfers import transfer_parts
from engine.workspace.witness.alarms import read_alarms
from engine.workspace.witness.witnessing import known_witnesses, overdue_witnesses

logger = logging.getLogger("lading.gateway")


class WitnessRound:
    """Asks the witnesses of one organization's log. For one thread."""

    def __init__(self, office: Office) -> None:
        self._office = office
        settings = office.settings
        self._third = ThirdParties(
            office.log, settings.service_identity, float(settings.gateway.witness_seconds), time.monotonic
        )

    def run(self) -> None:
        """Do a round. Whatever one witness does, the others are asked."""
        note = self._office.log.checkpoint()
        self._third.ask_all(self._due_third_parties(), note)
        for organization in self._office.trust.partners():
            try:
                self._ask_partner(organization, note)
                self._office.checkpoints.examine(organization, self._office.dialing.partner(organization).tile)
            except WireError:
                continue  # a partner that does not answer is asked again at the next round
            except LadingError as error:  # such as an answer that is no cosignature
                logger.warning("%s: %s", organization, error)
        self.raise_alarms()

    def raise_alarms(self) -> None:
        """Record who became late and who no longer is; each once."""
        office = self._office
        before = read_alarms(office.layout)
        patience = timedelta(minutes=office.settings.gateway.witness_stale_minutes)
        late = {each.name: each.size for each in overdue_witnesses(office.layout, office.clock(), patience)}
        now: dict[str, int] = {name: before.get(name, size) for name, size in late.items()}
        if now == before:
            return
        for name in sorted(late.keys() - before.keys()):
            self._record("witness.stale", name, now[name])
        for name in sorted(before.keys() - late.keys()):
            self._record("witness.recovered", name, before[name])
        write_atomic(office.layout.witness_alarms, canonical(dict(now)), mode=0o600)

    def _due_third_parties(self) -> list[ThirdParty]:
        return [
            ThirdParty(each.name, each.key, partial(ask_witness, each.url, each.ca))
            for each in known_witnesses(self._office.trust)
            if each.kind == "third party" and each.url is not None and self._office.unwitnessed([each.key])
        ]

    def _ask_partner(self, organization: str, note: bytes) -> None:
        office = self._office
        keys = [NoteKey.parse(vkey) for vkey in office.trust.witness_keys(organization)]
        notes = [cosigned for key in keys if (cosigned := office.log.cosigned_checkpoint(key.name)) is not None]
        # A transfer that asks by itself may have been faster than this round.
        known = any(read_checkpoint(each).size >= read_checkpoint(note).size for each in notes)
        if keys and not known and office.unwitnessed(keys):
            call = Call(None, {}, lambda _: None, threading.Event())
            seek_cosignature(transfer_parts(office, call), office.dialing.partner(organization), organization, note)

    def _record(self, kind: str, name: str, size: int) -> None:
        payload: dict[str, JSON] = {"witness": name, "size": size}
        identity = self._office.settings.service_identity
        self._office.log.record(Event(id=event_id(name, f"{kind}:{size}"), type=kind, actor=identity, payload=payload))
