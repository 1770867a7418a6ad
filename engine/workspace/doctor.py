"""`lading doctor`: what is wrong with a workspace, and how to mend it. Looks, and changes nothing."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.agreement import AgreementFolder
from engine.errors import LadingError
from engine.events import system_clock
from engine.policy.bundle import PolicyBundle
from engine.policy.directory import load_directory
from engine.policy.fitting import misfits, undeclared_roles
from engine.signing.trust_folder import TrustFolder
from engine.text import agreeing, counted
from engine.workspace.keys import SECRET_KEYS, SIGNING_KEYS, read_secret, secret_key, signing_key
from engine.workspace.layout import Layout
from engine.workspace.log.record import verify_log
from engine.workspace.owner import owned_by
from engine.workspace.settings import load_settings
from engine.workspace.witness.alarms import unresolved_forks
from engine.workspace.witness.witnessing import overdue_witnesses

SOON = timedelta(days=30)
LITTLE_SPACE = 1 << 30


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: `ok`, `warning` or `error`."""

    name: str
    state: str
    message: str
    remedy: str = ""


def examine(home: Path) -> dict[str, Any]:
    """Look at every part of a workspace; one broken part does not hide the others."""
    layout = Layout(home)
    looks: tuple[tuple[str, Callable[[Layout], Iterator[Diagnosis]]], ...] = (
        ("settings", _settings),
        ("keys", _keys),
        ("directory", _directory),
        ("policies", _policies),
        ("fit", _fit),
        ("trust", _trust),
        ("agreements", _agreements),
        ("reviews", _reviews),
        ("log", _log),
        ("witnesses", _witnesses),
        ("owner", _owner),
        ("space", _space),
    )
    found = [diagnosis for name, look in looks for diagnosis in _safely(name, look, layout)]
    return {
        "healthy": all(each.state != "error" for each in found),
        "checks": [
            {"name": each.name, "state": each.state, "message": each.message, "remedy": each.remedy} for each in found
        ],
    }


def _safely(name: str, look: Callable[[Layout], Iterator[Diagnosis]], layout: Layout) -> list[Diagnosis]:
    try:
        return list(look(layout))
    except LadingError as error:
        return [Diagnosis(name, "error", str(error), error.remedy)]
    except OSError as error:
        return [Diagnosis(name, "error", f"{error.filename}: {error.strerror}", "Look at the file's permissions.")]


def _settings(layout: Layout) -> Iterator[Diagnosis]:
    settings = load_settings(layout.settings)
    yield Diagnosis("settings", "ok", f"{settings.organization.id}, gateway at {settings.gateway.url}")


def _keys(layout: Layout) -> Iterator[Diagnosis]:
    mode = stat.S_IMODE(layout.keys.stat().st_mode)
    if mode & 0o077:
        yield Diagnosis(
            "keys", "error", f"{layout.keys} has mode {mode:04o}, expected 0700", f"Run 'chmod 700 {layout.keys}'."
        )
    for name in SIGNING_KEYS:
        signing_key(layout.keys, name)
    for name in SECRET_KEYS:
        secret_key(layout.keys, name)
    read_secret(layout.keys / "gateway-ca.pem")
    yield Diagnosis("keys", "ok", f"{len(SIGNING_KEYS) + len(SECRET_KEYS) + 1} private keys, readable by you alone")


def _directory(layout: Layout) -> Iterator[Diagnosis]:
    settings = load_settings(layout.settings)
    directory = load_directory(layout.directory, settings.organization.id)
    if directory.principal(settings.service_identity) is None:
        yield Diagnosis(
            "directory",
            "error",
            f"no service has the identity {settings.service_identity}",
            "Add the gateway to directory.yaml: without it every offer is refused.",
        )
    yield Diagnosis("directory", "ok", f"people and services: {len(directory.members)}")


def _policies(layout: Layout) -> Iterator[Diagnosis]:
    bundle = PolicyBundle.load(layout.policies)
    yield Diagnosis("policies", "ok", f"bundle {bundle.digest[:16]} loads and validates")


def _fit(layout: Layout) -> Iterator[Diagnosis]:
    """Whether policies and directory fit together; each by itself is looked at elsewhere."""
    bundle = PolicyBundle.load(layout.policies)
    directory = load_directory(layout.directory, load_settings(layout.settings).organization.id)
    for place, why in misfits(directory, bundle):
        yield Diagnosis(
            "fit",
            "error",
            f"directory.yaml: {place} does not fit the schema: {why}",
            "Mend the entry, or have the schema demand what a directory can say: docs/formats/directory.md.",
        )
    for role in undeclared_roles(directory, bundle):
        yield Diagnosis(
            "fit",
            "warning",
            f"policies name the role {role!r}, which directory.yaml does not declare: nobody can hold it",
            "Declare it under roles, or correct the name.",
        )


def _trust(layout: Layout) -> Iterator[Diagnosis]:
    trust, now = TrustFolder(layout.trust), system_clock()
    yield _expiry("own trust document", trust.own().expires, now, "Run 'lading trust issue' and send it to partners.")
    for organization in trust.partners():
        expires = trust.partner(organization).expires
        yield _expiry(f"trust document of {organization}", expires, now, "Ask them for their newest one.")
    for document in trust.pending():
        yield Diagnosis(
            "trust",
            "warning",
            f"{document.organization} waits to be confirmed",
            "Compare its fingerprint with them.",
        )


def _expiry(what: str, expires: datetime, now: datetime, remedy: str) -> Diagnosis:
    if expires <= now:
        return Diagnosis("trust", "error", f"the {what} expired on {expires:%F}", remedy)
    if expires <= now + SOON:
        return Diagnosis("trust", "warning", f"the {what} expires on {expires:%F}", remedy)
    return Diagnosis("trust", "ok", f"the {what} is valid until {expires:%F}")


def _agreements(layout: Layout) -> Iterator[Diagnosis]:
    yield Diagnosis("agreements", "ok", f"{counted(len(AgreementFolder(layout.agreements).list()), 'agreements')} read")


def _reviews(layout: Layout) -> Iterator[Diagnosis]:
    for ticket in open_reviews(layout):
        yield Diagnosis(
            "reviews",
            "warning",
            f"break-glass {ticket} was used, and nobody has reviewed it",
            f"'lading --as SOMEBODY breakglass review {ticket}', by who neither asked for it nor approved it.",
        )


def open_reviews(layout: Layout) -> list[str]:
    """Return the ids of break-glass tickets whose review is open, the longest open first."""
    if not layout.transfer_database.exists():
        return []
    with closing(sqlite3.connect(f"{layout.transfer_database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'break_glass'").fetchone()
        query = "SELECT id FROM break_glass WHERE state = 'used' ORDER BY used"
        return [str(row[0]) for row in connection.execute(query)] if known else []


def _log(layout: Layout) -> Iterator[Diagnosis]:
    report = verify_log(layout.home, lambda _: None)
    if report["ok"]:
        size = int(str(report["size"]))
        yield Diagnosis("log", "ok", f"{counted(size, 'entries')} {agreeing(size, 'hold')} together")
        return
    problems = report["problems"]
    first = problems[0] if isinstance(problems, list) and problems else {}
    yield Diagnosis(
        "log",
        "error",
        f"it does not hold together: {first}",
        "Run 'lading audit verify'; keep the files as they are, and restore a backup elsewhere to compare.",
    )


def _witnesses(layout: Layout) -> Iterator[Diagnosis]:
    minutes = load_settings(layout.settings).gateway.witness_stale_minutes
    late = overdue_witnesses(layout, system_clock(), timedelta(minutes=minutes))
    for each in late:
        remedy = "See 'lading audit witness list'; run the gateway, and ask the witness' operator."
        yield Diagnosis("witnesses", "warning", each.sentence(), remedy)
    forks = unresolved_forks(layout)
    for fork in forks:
        yield Diagnosis(
            "witnesses", "error", f"a partner's log contradicted itself (fork {fork})", "See 'lading audit fork list'."
        )
    if not late and not forks:
        yield Diagnosis("witnesses", "ok", f"nothing older than {minutes} min waits for a cosignature")


def _owner(layout: Layout) -> Iterator[Diagnosis]:
    owner = owned_by(layout.lock)
    yield Diagnosis("owner", "ok", f"process {owner} owns the workspace" if owner else "nobody owns the workspace now")
    if os.geteuid() == layout.keys.stat().st_uid:
        yield Diagnosis(
            "owner",
            "warning",
            "you are the OS user who holds the keys: policy is advisory",
            "In production, run the gateway under a user of its own.",
        )


def _space(layout: Layout) -> Iterator[Diagnosis]:
    free = shutil.disk_usage(layout.home).free
    if free < LITTLE_SPACE:
        yield Diagnosis("space", "warning", f"{free >> 20} MiB are free", "Make room before the next transfer.")
    else:
        yield Diagnosis("space", "ok", f"{free >> 30} GiB are free")
