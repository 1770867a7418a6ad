"""Operations: everything a person can have done to a workspace, by name.

Each takes the office, the call and parameters, asks policy where the effect is under policy, records what it did,
and returns JSON values. The owner performs them; see `engine.workspace.acting`.

INVARIANT: an operation that changes or discloses something is decided and recorded before its effect is visible.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import UsageError
from engine.workspace.office import Office
from engine.workspace.settings import explain
from engine.workspace.turns import WAITING

REPAIR: Final = "audit.repair"
"""The operation that erasures cut short must not come before: it may be what lets them be finished."""


class Params(BaseModel):
    """Parameters of an operation; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to perform an operation.

    Attributes:
        token: the OIDC token of who asks; None if nobody was named.
        params: what was given, JSON values.
        progress: takes progress reports while it runs.
        cancelled: set when nobody waits for the result any more.
    """

    token: str | None
    params: Mapping[str, Any]
    progress: Callable[[Mapping[str, Any]], None]
    cancelled: threading.Event

    def waits_for(self, what: str) -> None:
        """Report that this waits until something else is done, named in words, and then goes on by itself."""
        self.progress({"step": WAITING, "done": 0, "total": 0, "detail": what})

    def report(self, step: str) -> Callable[[int, int], None]:
        """Return a function that reports bytes done and bytes in all under the name of a step."""
        return lambda done, total: self.progress({"step": step, "done": done, "total": total})


Operation = Callable[[Office, Call, Any], Any]


def perform(office: Office, name: str, call: Call) -> Any:
    """Perform an operation and return its result, JSON values.

    Raises:
        UsageError: there is no such operation, or its parameters are wrong.
        LadingError: whatever the operation says.
    """
    known = _operations()
    if name not in known:
        raise UsageError(f"there is no operation {name!r}", remedy="Use a command of this release of lading.")
    operation, shape = known[name]
    try:
        params = shape.model_validate(dict(call.params))
    except ValidationError as error:
        raise UsageError(explain(error), remedy="See the command's --help.") from None
    return operation(office, call, params)


def _operations() -> dict[str, tuple[Operation, type[Params]]]:
    """Return every operation by name, with the shape of its parameters."""
    return _handing_over() | _governing()


def _handing_over() -> dict[str, tuple[Operation, type[Params]]]:
    """Return what is about artifacts, partners and handoffs."""
    from engine.workspace.operations import (
        agreements,
        approvals,
        artifacts,
        bills,
        breakglass,
        custody,
        identities,
        partners,
        transfers,
        verifying,
    )

    return {
        "identity.mint": (identities.mint, identities.Mint),
        "artifact.pack": (artifacts.pack_artifact, artifacts.Pack),
        "artifact.list": (artifacts.list_artifacts, Params),
        "artifact.show": (artifacts.show_artifact, artifacts.Named),
        "artifact.export": (artifacts.export_artifact, artifacts.Export),
        "artifact.use": (artifacts.use_artifact, artifacts.Use),
        "artifact.verify": (verifying.verify_artifact, verifying.Verify),
        "partner.add": (partners.add_partner, partners.Add),
        "partner.confirm": (partners.confirm_partner, partners.Confirm),
        "trust.issue": (partners.issue_trust, Params),
        "agreement.propose": (agreements.propose, agreements.Propose),
        "agreement.sign": (agreements.sign, agreements.Sign),
        "transfer.send": (transfers.send, transfers.Send),
        "transfer.list": (transfers.list_transfers, Params),
        "approval.list": (approvals.waiting, Params),
        "approval.grant": (approvals.grant, approvals.Answer),
        "approval.refuse": (approvals.refuse, approvals.Answer),
        "bill.create": (bills.create, bills.Create),
        "custody.story": (custody.story, artifacts.Named),
        "custody.attach": (custody.attach, custody.Attach),
        "custody.attest": (custody.attest, custody.Attest),
        "breakglass.request": (breakglass.request, breakglass.Request),
        "breakglass.approve": (breakglass.approve, breakglass.Approve),
        "breakglass.list": (breakglass.list_tickets, Params),
        "breakglass.review": (breakglass.review, breakglass.Review),
    }


def _governing() -> dict[str, tuple[Operation, type[Params]]]:
    """Return what is about the log, its witnesses and policy."""
    from engine.workspace.operations import access, forks, policies, witnesses

    return {
        "fork.compare": (forks.compare, forks.Compare),
        "fork.resolve": (forks.resolve, forks.Resolve),
        "witness.pin": (witnesses.pin, witnesses.Pin),
        "witness.unpin": (witnesses.unpin, witnesses.Named),
        "witness.compare": (witnesses.compare, witnesses.Asked),
        "witness.add-cosignature": (witnesses.add_cosignature, witnesses.Cosigned),
        "policy.who-can": (access.who_can, access.WhoCan),
        "policy.what-can": (access.what_can, access.WhatCan),
        "policy.propose": (policies.propose, policies.Because),
        "policy.approve": (policies.approve, policies.Approve),
        "policy.activate": (policies.activate, policies.Activate),
        "policy.withdraw": (policies.withdraw, policies.Named),
        "policy.rollback": (policies.roll_back, policies.RollBack),
        "policy.shadow": (policies.shadow, policies.Shadow),
        **_record_operations(),
    }


def _record_operations() -> dict[str, tuple[Operation, type[Params]]]:
    """Return the operations about how long the record is kept."""
    from engine.workspace.operations import backups, keeping, repairing

    return {
        "backup.create": (backups.create, backups.Create),
        REPAIR: (repairing.repair_log, repairing.Repair),
        "audit.erase": (keeping.erase_payloads, keeping.Erase),
        "audit.retain": (keeping.retain, keeping.Retain),
        "hold.place": (keeping.place_hold, keeping.Place),
        "hold.lift": (keeping.lift_hold, keeping.Lift),
        "hold.list": (keeping.list_holds, Params),
    }
