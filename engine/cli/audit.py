"""`lading audit`: verify, show, prove, checkpoint, key."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, table, verb
from engine.cli.progress import Bar
from engine.errors import LogTampered


@click.group()
def audit() -> None:
    """The tamper-evident log: verify it, read it, prove its entries to others."""


@audit.command(epilog="\b\nExamples:\n  lading -C acme audit verify\n  lading -C acme audit verify --json")
@verb
def verify(session: Session) -> int:
    """Verify the whole log against this organization's pinned key and every checkpoint remembered outside it.

    Exits 4 and says what differs, and where, when anything does.
    """
    from engine.workspace.record import verify_log

    with Bar("verifying", enabled=not session.as_json) as bar:
        report = verify_log(session.home, bar.update)
    session.show(report, _verified)
    return 0 if report["ok"] else LogTampered.exit_code


def _verified(report: dict[str, Any]) -> str:
    if report["ok"]:
        witnessed = [f"up to entry {size} by {name}" for name, size in report["witnessed"].items()]
        return (
            f"{click.style('✔', fg='green')} {report['size']} entries of {report['origin']} hold together\n"
            f"  root       {report['root']}\n"
            f"  remembered {report['remembered']} earlier checkpoints agree\n"
            f"  witnessed  {', '.join(witnessed) or 'by nobody yet'}"
        )
    lines = [f"{click.style('✘', fg='red')} the log of {report['origin']} does not hold together"]
    return "\n".join(lines + [f"  {p['where']}: {p['message']}" for p in report["problems"]])


@audit.command(
    epilog="""\b
Examples:
  lading -C acme audit show
  lading -C acme audit show --type decision.deny --limit 5
  lading -C acme audit show --entry 12
"""
)
@click.option("--type", "event_type", help="Only entries of this type, such as decision.deny.")
@click.option("--transfer", help="Only entries of this transfer.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=40,
    show_default=True,
    help="At most this many, newest first.",
)
@click.option("--entry", type=click.IntRange(min=0), help="One entry whole, by its index.")
@verb
def show(session: Session, event_type: str | None, transfer: str | None, limit: int, entry: int | None) -> None:
    """Show entries of the log, newest first."""
    from engine.workspace.record import show_entries, show_entry

    if entry is not None:
        session.show(show_entry(session.home, entry), _whole)
        return
    result = show_entries(session.home, event_type=event_type, transfer=transfer, limit=limit)
    session.show(result, _shown)


def _whole(entry: dict[str, Any]) -> str:
    public = [f"  {key:<12} {value}" for key, value in entry["public"].items()]
    payload = [f"  {key:<12} {value}" for key, value in (entry["payload"] or {}).items()]
    return "\n".join([f"entry {entry['index']}", *public, "payload", *payload])


def _shown(result: dict[str, Any]) -> str:
    if not result["entries"]:
        return "no entries match"
    rows = [
        (str(e["index"]), e["time"], e["type"], e["partner"] or "", e["transfer"] or "", e["decision"] or "")
        for e in result["entries"]
    ]
    return table(rows, ("INDEX", "TIME", "TYPE", "PARTNER", "TRANSFER", "DECISION"))


@audit.command(
    epilog="\b\nExamples:\n  lading -C acme audit prove 12\n  lading -C acme audit prove 12 -o entry-12.tlog-proof"
)
@click.argument("index", type=click.IntRange(min=0))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the proof to a file.")
@verb
def prove(session: Session, index: int, output: Path | None) -> None:
    """Prove that an entry is in the log: its leaf, its path, and the newest checkpoint (C2SP tlog-proof)."""
    from engine.workspace.record import prove_entry

    result = prove_entry(session.home, index)
    if output is not None:
        output.write_text(str(result["proof"]), encoding="utf-8")
    session.show(result, lambda r: f"wrote {output}" if output else r["proof"].rstrip("\n"))


@audit.command(epilog="\b\nExamples:\n  lading -C acme audit checkpoint")
@verb
def checkpoint(session: Session) -> None:
    """Print the newest checkpoint with its cosignatures (C2SP tlog-checkpoint)."""
    from engine.workspace.record import newest_checkpoint

    session.show({"checkpoint": newest_checkpoint(session.home)}, lambda r: r["checkpoint"].rstrip("\n"))


@audit.command(epilog="\b\nExamples:\n  lading -C acme audit key")
@verb
def key(session: Session) -> None:
    """Print the log's and the witness' verifier keys (C2SP signed-note vkey)."""
    from engine.workspace.record import verifier_keys

    session.show(verifier_keys(session.home), lambda r: "\n".join(f"{name:<8} {value}" for name, value in r.items()))
