"""`lading audit export, check-export`: entries in other formats, and what such a file proves."""

from pathlib import Path
from typing import Any

import click

from engine.cli.audit.reading import FilterCommand, filter_completion, of_log
from engine.cli.command import FAILED, OUTPUT, Session, verb
from engine.cli.progress import Bar
from engine.errors import UsageError
from engine.text import agreeing, counted

FORMATS = ("jsonl", "csv", "ocsf", "cloudevents")


@click.command(
    cls=FilterCommand,
    epilog="""\b
Examples:
  lading -C acme audit export 'type:transfer.* since:2026-01-01' --as csv -o transfers.csv
  lading -C acme audit export 'transfer:tr-0e68*' --as jsonl --proofs -o evidence.jsonl
  lading -C acme audit export --as ocsf > log.ocsf.jsonl
""",
)
@click.argument("text", metavar="[FILTER]", default="", shell_complete=filter_completion)
@click.option("--as", "name", type=click.Choice(FORMATS), default="jsonl", show_default=True, help="The format.")
@click.option("-o", "--output", type=OUTPUT, help="The file, made whole or not at all.")
@click.option("--proofs", is_flag=True, help="Add checkpoint and inclusion proof of each entry: the file is evidence.")
@of_log
@verb
def export(session: Session, text: str, name: str, output: Path | None, origin: str | None, *, proofs: bool) -> None:
    """Export entries that meet FILTER, oldest first. The same log gives the same bytes."""
    from engine.workspace.log.export import export_log

    if output is None and session.as_json:
        raise UsageError("--json needs -o: the export itself goes to standard output", remedy="Add -o FILE.")
    with Bar("exporting", enabled=not session.as_json) as bar:
        result = export_log(
            session.home,
            text,
            name,
            proofs=proofs,
            output=output,
            write=_print,
            progress=bar.update,
            origin=origin,
        )
    if output is not None:
        session.show(
            result,
            lambda r: f"wrote {counted(r['entries'], 'entries')} of {r['origin']} at size {r['size']} to {r['file']}",
        )


@click.command(
    "check-export",
    epilog="""\b
Examples:
  lading audit check-export evidence.jsonl --key 'acme.example/lading/audit/0+cab6885d+AQOhB7…'
""",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", "keys", multiple=True, required=True, help="Verifier key of the log ('lading audit key').")
@verb
def check_export(session: Session, file: Path, keys: tuple[str, ...]) -> int:
    """Verify an export made with --proofs, from the file and the log's key alone.

    Exits 4 when a line is not proved, and 5 when there is none: an empty file proves nothing.
    """
    from engine.workspace.log.export import check_exported

    result = check_exported(file, list(keys))
    session.show(result, _checked)
    return 0 if result["entries"] else FAILED


def _print(part: str) -> None:
    click.echo(part.encode("utf-8"), nl=False)


def _checked(result: dict[str, Any]) -> str:
    if not result["entries"]:
        return "the export is well-formed and empty: it proves nothing"
    span = f"{result['first']} to {result['last']}"
    count = result["entries"]
    return (
        f"{click.style('✔', fg='green')} {counted(count, 'entries')} ({span}) {agreeing(count, 'are')} proved\n"
        f"  format     {result['format']}\n"
        f"  log        {', '.join(result['origins'])}\n"
        f"  checkpoint {', '.join(map(str, result['checkpoints']))}"
    )
