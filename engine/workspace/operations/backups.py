"""Backups: copy the workspace to one file, decided and recorded like everything that discloses something."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from engine.custody.age import MOST_RECIPIENTS, check_recipients
from engine.custody.statements import fresh_nonce
from engine.digest import JSON
from engine.errors import UsageError
from engine.events import Event, event_id
from engine.workspace.keeping.backup import create_backup
from engine.workspace.keeping.erasing import settle
from engine.workspace.keeping.restoring import verify_backup
from engine.workspace.office import Office
from engine.workspace.operations import Call, Params


class Create(Params):
    """Where to, absolute; whether with the sealed store; and to which age recipients the keys are encrypted, if any."""

    file: Path
    store: bool = False
    keys_for: Annotated[tuple[str, ...], Field(max_length=MOST_RECIPIENTS)] = ()


def create(office: Office, call: Call, params: Create) -> dict[str, JSON]:
    """Back the workspace up to a new file."""
    who = office.caller(call.token).identity
    if not params.file.is_absolute():
        raise UsageError(f"{params.file} is not absolute", remedy="Name the file from the root.")
    recipients = check_recipients(params.keys_for)
    denied = office.denial(office.governance.action, who)
    if denied is not None:
        return denied
    settle(office, waits_for=call.waits_for)
    office.log.record(
        Event(
            id=event_id(fresh_nonce(), "backup.created"),
            type="backup.created",
            actor=who,
            payload={"store": params.store, **({"recipients": list(recipients)} if recipients else {})},
        )
    )
    office.remember_own()
    with office.keeping.turn("a backup", call.waits_for):
        report = create_backup(
            office.layout,
            params.file,
            store=params.store,
            recipients=recipients,
            now=office.clock(),
            check=lambda written: verify_backup(written, call.progress),
            progress=call.progress,
        )
    return {"file": str(params.file), **report}
