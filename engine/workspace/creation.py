"""Making a workspace: wholly or not at all, and never twice."""

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.assets import shipped
from engine.errors import UsageError, WorkspaceError
from engine.events import Clock, Event, event_id, system_clock
from engine.files import sync_folder, write_atomic, write_secret
from engine.policy.directory import Person, load_directory
from engine.signing.trust_document import fingerprint
from engine.signing.trust_folder import TrustFolder
from engine.wire.authority import GatewayCA
from engine.workspace.issuing import issue_document
from engine.workspace.keys import make_keys
from engine.workspace.layout import Layout
from engine.workspace.office import Office
from engine.workspace.settings import Settings, dump_settings, load_settings, new_settings

ADMIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")  # as docs/formats/directory.md has names

DIRECTORY = """\
# People and services of {org}. docs/formats/directory.md explains every field.
# After a change, run 'lading trust issue': partners learn from the trust document who may sign what.
format: lading/directory/v1

people:
  - name: "{admin}"
    identity: "{admin}@{org}"
    roles: [administrator, operator, approver, auditor, security]
    clearance: restricted
    training_expires: {training}

services:
  - name: gateway
    identity: spiffe://{org}/gateway
    roles: [service, receiver]
    clearance: restricted
"""

GITIGNORE = "# Never in git: keys and state.\nkeys/\nstate/\n"


_PLACES = {
    "name": "organization.name in lading.toml",
    "region": "organization.region in lading.toml",
    "admin": "people in directory.yaml",
    "listen": "gateway.listen in lading.toml",
    "url": "gateway.url in lading.toml",
}
"""Where a workspace has what an option of `lading init` gave it."""


def create(
    folder: Path,
    *,
    org: str,
    name: str,
    region: str,
    admin: str,
    listen: str | None = None,
    url: str | None = None,
    clock: Clock = system_clock,
) -> dict[str, Any]:
    """Make a workspace in a folder that is empty or not there yet.

    It is built beside its place and renamed into it, so a crash leaves no half workspace. On a folder that already
    is the workspace of this organization nothing changes.

    Raises:
        UsageError: a value is malformed, is another one than the workspace has, or the folder holds something else.
        WorkspaceError: the folder is another organization's workspace.
    """
    settings = new_settings(org=org, name=name, region=region, listen=listen, url=url)
    if not ADMIN.fullmatch(admin):
        raise UsageError(
            f"admin: found {admin!r}, expected a name of lower-case letters, digits, '.', '_' and '-'",
            remedy=f"Name the part before the @ of their identity, such as ada for ada@{org}.",
        )
    layout = Layout(folder)
    if layout.settings.exists():
        return _known(layout, org, {"name": name, "region": region, "admin": admin, "listen": listen, "url": url})
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty and not a workspace", remedy="Name a new or empty folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(Layout(scratch), settings, admin, clock)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    sync_folder(folder.parent)
    return _describe(layout, settings, f"{admin}@{org}", existed=False)


def _fill(layout: Layout, settings: Settings, admin: str, clock: Clock) -> None:
    home, now = layout.home, clock()
    home.chmod(0o755 & ~_umask())
    for private in (layout.keys, layout.state):
        private.mkdir(mode=0o700)
    for public in (layout.agreements, layout.attestations, layout.trust):
        public.mkdir()
    make_keys(layout.keys)
    ca = GatewayCA.create(settings.organization.id, clock)
    write_secret(layout.keys / "gateway-ca.pem", ca.pem())
    shutil.copytree(shipped("policies"), layout.policies)
    write_atomic(layout.settings, dump_settings(settings).encode())
    write_atomic(layout.directory, _directory(settings, admin, now).encode())
    write_atomic(home / ".gitignore", GITIGNORE.encode())
    issue_document(layout, settings, now)
    with Office(layout, clock) as office:
        office.log.record(
            Event(
                id=event_id(settings.organization.id, "workspace.created"),
                type="workspace.created",
                actor=f"{admin}@{settings.organization.id}",
                payload={"name": settings.organization.name, "region": settings.organization.region},
            )
        )
        office.remember_own()


def _directory(settings: Settings, admin: str, now: datetime) -> str:
    training = now.replace(year=now.year + 1, month=12, day=31, hour=0, minute=0, second=0, microsecond=0)
    return DIRECTORY.format(org=settings.organization.id, admin=admin, training=training.strftime("%FT%TZ"))


def _known(layout: Layout, org: str, wanted: Mapping[str, str | None]) -> dict[str, Any]:
    settings = load_settings(layout.settings)
    if settings.organization.id != org:
        raise WorkspaceError(
            f"{layout.home} is the workspace of {settings.organization.id}, not of {org}",
            remedy="Name another folder; one workspace belongs to one organization.",
        )
    _check_same(layout, settings, wanted)
    return _describe(layout, settings, "", existed=True)


def _check_same(layout: Layout, settings: Settings, wanted: Mapping[str, str | None]) -> None:
    """Check that what was asked for is what the workspace has; what was left out is not asked for.

    Raises:
        UsageError: an option differs.
    """
    organization, gateway = settings.organization, settings.gateway
    members = load_directory(layout.directory, organization.id).members
    people = {each.name for each in members if isinstance(each, Person)}
    admin = wanted["admin"]
    found = {
        "name": organization.name,
        "region": organization.region,
        "admin": admin if admin in people else ", ".join(sorted(people)) or "nobody",
        "listen": gateway.listen,
        "url": gateway.url,
    }
    different = [option for option, value in wanted.items() if value is not None and value != found[option]]
    if different:
        said = "; ".join(f"--{each}: found {found[each]!r}, wanted {wanted[each]!r}" for each in different)
        places = dict.fromkeys(_PLACES[each] for each in different)
        raise UsageError(
            f"{layout.home} already is the workspace of {organization.id}, and init changes nothing there: {said}",
            remedy=f"Leave the option out, or change {' and '.join(places)}; then run "
            f"'lading -C {shlex.quote(str(layout.home))} --as NAME trust issue', and start the gateway again.",
        )


def _describe(layout: Layout, settings: Settings, admin: str, *, existed: bool) -> dict[str, Any]:
    return {
        "home": str(layout.home),
        "organization": settings.organization.id,
        "admin": admin,
        "existed": existed,
        "fingerprint": fingerprint(TrustFolder(layout.trust).own()),
    }


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
