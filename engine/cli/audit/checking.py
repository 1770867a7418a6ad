"""`lading audit verify`: does the whole log hold together."""

from typing import Any

import click

from engine.cli.command import Session, verb
from engine.cli.progress import Bar
from engine.errors import LogTampered


@click.command(epilog="\b\nExamples:\n  lading -C acme audit verify\n  lading -C acme audit verify --json")
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
