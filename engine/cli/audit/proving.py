"""`lading audit prove, checkpoint, key`: what to hand to somebody who does not believe us."""

from pathlib import Path

import click

from engine.cli.audit.reading import of_log
from engine.cli.command import INDEX, OUTPUT, Session, verb


@click.command(
    epilog="\b\nExamples:\n  lading -C acme audit prove 12\n  lading -C acme audit prove 12 -o entry-12.tlog-proof"
)
@click.argument("index", type=INDEX)
@click.option("-o", "--output", type=OUTPUT, help="Write the proof to a file.")
@of_log
@verb
def prove(session: Session, index: int, output: Path | None, origin: str | None) -> None:
    """Prove that an entry is in the log: its leaf, its path, and the newest checkpoint (C2SP tlog-proof)."""
    from engine.files import write_atomic
    from engine.workspace.log.record import prove_entry

    result = prove_entry(session.home, index, origin)
    if output is not None:
        write_atomic(output, str(result["proof"]).encode())
    session.show(result, lambda r: f"wrote {output}" if output else r["proof"].rstrip("\n"))


@click.command(epilog="\b\nExamples:\n  lading -C acme audit checkpoint\n  lading -C acme audit checkpoint --origin 0")
@of_log
@verb
def checkpoint(session: Session, origin: str | None) -> None:
    """Print the newest checkpoint with its cosignatures (C2SP tlog-checkpoint)."""
    from engine.workspace.log.record import newest_checkpoint

    session.show({"checkpoint": newest_checkpoint(session.home, origin)}, lambda r: r["checkpoint"].rstrip("\n"))


@click.command(epilog="\b\nExamples:\n  lading -C acme audit key")
@verb
def key(session: Session) -> None:
    """Print the log's and the witness' verifier keys (C2SP signed-note vkey)."""
    from engine.workspace.log.record import verifier_keys

    session.show(verifier_keys(session.home), lambda r: "\n".join(f"{name:<8} {value}" for name, value in r.items()))
