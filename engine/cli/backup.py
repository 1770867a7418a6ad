"""`lading backup`: copy a workspace to one file, check such a file, and restore it."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import DENIED, OUTPUT, Session, denial, verb
from engine.cli.progress import Bar, size
from engine.errors import UsageError
from engine.text import agreeing, counted, printable

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def backup() -> None:
    """Backups: everything of a workspace in one file, its keys only encrypted, also while its gateway runs."""


@backup.command(
    epilog="""\b
Examples:
  lading -C acme --as ada backup create -o /srv/backups/acme-2026-12-01.tar
  lading -C acme --as ada backup create --store -o /srv/backups/acme-whole.tar
  lading -C acme --as ada backup create --keys-for age1… --keys-for-file safe.txt -o /srv/backups/acme-keys.tar
"""
)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The file; it must be new.")
@click.option("--store", is_flag=True, help="Put received artifacts into it, sealed as they are.")
@click.option(
    "--keys-for", multiple=True, metavar="RECIPIENT", help="Put the keys into it, encrypted to somebody: age1…."
)
@click.option("--keys-for-file", type=FILE, help="Put them into it, encrypted to each recipient in a file, one a line.")
@verb
def create(
    session: Session, output: Path, keys_for: tuple[str, ...], keys_for_file: Path | None, *, store: bool
) -> None:
    """Back this workspace up. The file gets its name only after it was read again and its log verified.

    Private keys are in it only with --keys-for, encrypted with age: whoever holds the identity of one of the recipients
    can sign as this organization. Who asks needs the right to govern.
    """
    from engine.custody.age import read_recipients

    with Bar("copying", enabled=not session.as_json) as bar:
        recipients = [*keys_for, *(read_recipients(keys_for_file) if keys_for_file else ())]
        params = {"file": str(output.absolute()), "store": store, "keys_for": recipients}
        result = session.act("backup.create", params, bar.update)
    session.show(result, _created)


@backup.command(
    epilog="\b\nExamples:\n  lading backup verify /srv/backups/acme-2026-12-01.tar"
    "\n  lading backup verify /srv/backups/acme-keys.tar --identity safe.key"
)
@click.argument("file", type=FILE)
@click.option("--identity", type=FILE, help="A file of age identities: decrypt the keys in it, too.")
@verb
def verify(session: Session, file: Path, identity: Path | None) -> None:
    """Verify a backup: every byte, and the log in it by the key that its own trust document names."""
    from engine.workspace.keeping.restoring import verify_backup

    with Bar("reading", enabled=not session.as_json) as bar:
        report = verify_backup(file, bar.update, identity)
    session.show(report, lambda found: _told(found, f"{click.style('✔', fg='green')} {file} is whole"))


@backup.command(
    epilog="\b\nExamples:\n  lading backup restore /srv/backups/acme-2026-12-01.tar acme-restored"
    "\n  lading backup restore /srv/backups/acme-keys.tar acme-restored --identity safe.key"
)
@click.argument("file", type=FILE)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--identity", type=FILE, help="A file of age identities: put the keys back, too.")
@verb
def restore(session: Session, file: Path, folder: Path, identity: Path | None) -> None:
    """Restore a backup to a new folder, to be read, verified and exported from.

    Nothing is recorded there before 'lading backup continue' has opened the next log: this one may be behind what
    partners remember of it.
    """
    from engine.workspace.keeping.restoring import restore_backup

    with Bar("reading", enabled=not session.as_json) as bar:
        report = restore_backup(file, folder.absolute(), bar.update, identity)
    keys = "with its keys" if report["keys_opened"] else "without keys/"
    session.show(report, lambda found: _told(found, f"restored {folder}, to be read and verified, {keys}"))


@backup.command(
    "continue",
    epilog="\b\nExamples:\n  lading -C acme-restored --as ada backup continue --reason 'the disk failed'"
    "\n  lading -C acme-restored --as ada backup continue --new-key --reason 'the machine was stolen'",
)
@click.option("--reason", required=True, help="Why it was restored; it is logged for good.")
@click.option("--new-key", is_flag=True, help="Give the new log a key of its own: the old one may be in other hands.")
@verb
def continue_(session: Session, reason: str, *, new_key: bool) -> int:
    """Let a restored workspace record again, in a new log that names the last witnessed checkpoint of the former.

    Put keys/ back first, if the restore did not. Partners take the new log once they have confirmed the new trust
    document. Who asks needs the right to govern.
    """
    from engine.workspace.keeping.restoring import continue_restored

    if session.who is None:
        raise UsageError("nobody acts: the new log names who opened it", remedy="Name yourself with '--as NAME'.")
    result = continue_restored(session.home, who=session.who, reason=reason, new_key=new_key)
    if "denied" in result:
        session.show(result, lambda denied: denial(denied["denied"]))
        return DENIED
    session.show(result, _continued)
    return 0


def _continued(result: dict[str, Any]) -> str:
    lines = [
        f"opened {result['origin']}, which goes on from entry {result['size']} of {result['former']}",
        f"  former     {result['kept']}",
        f"  next       partners confirm version {result['version']} of trust/own/trust.json",
        f"  witnesses  third parties add it: lading witness add-log {result['key']}",
    ]
    if result["holds"]:
        lines.append(f"  holds      place again, for new entries: {', '.join(result['holds'])}")
    return "\n".join(lines)


def _created(result: dict[str, Any]) -> str:
    what = f"wrote {result['file']}, {size(result['size'])}, {counted(result['files'], 'files')}"
    return f"{what}, up to entry {result['log']['size']} of {result['log']['origin']}"


def _told(report: dict[str, Any], what: str) -> str:
    store, size_ = report["store"], report["log"]["size"]
    log = f"{counted(size_, 'entries')} of {report['log']['origin']} {agreeing(size_, 'hold')} together"
    sealed = f"{counted(store['files'], 'files')}{'' if store['included'] else ', not in it'}" if store else "unknown"
    return "\n".join(
        [
            what,
            f"  made       {report['created']}, of {report['organization']}",
            f"  log        {log}",
            f"  files      {report['files']}",
            f"  store      {sealed}",
            f"  keys       {_keys(report)}",
        ]
    )


def _keys(report: dict[str, Any]) -> str:
    if not report["recipients"]:
        return "not in it"
    known = ", ".join(printable(each) for each in report["recipients"])
    return f"{'decrypted' if report['keys_opened'] else 'in it'}, encrypted to {known}"
