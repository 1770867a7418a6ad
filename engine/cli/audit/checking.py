"""`lading audit verify`: does the whole log hold together."""

from pathlib import Path
from typing import Any, Final

import click

from engine.cli.audit.tiles import minimum_index
from engine.cli.command import FAILED, Session, carried_over, verb
from engine.cli.progress import Bar, entries
from engine.errors import LogTampered, UsageError, WireError
from engine.text import agreeing, counted, printable

CODES: Final = {
    "agrees": 0,
    "extends": 0,
    "set-back": LogTampered.exit_code,
    "forked": LogTampered.exit_code,
    "contradicted": LogTampered.exit_code,
    "forgot": FAILED,
    "unclear": WireError.exit_code,
    "unreachable": WireError.exit_code,
}
"""What a partner's verdict makes of the exit code; the lowest that is not 0 is the worst."""

MARKS: Final = {0: ("✔", "green"), LogTampered.exit_code: ("✘", "red")}


@click.command(
    epilog="""\b
Examples:
  lading -C acme audit verify
  lading -C acme audit verify --incremental
  lading -C acme audit verify --against tiles --tiles cold
  lading -C acme audit verify --against partner
  lading -C acme audit verify --against partner borealis.example
  lading -C acme audit verify --json
"""
)
@click.argument("partner", required=False)
@click.option(
    "--incremental",
    is_flag=True,
    help="Read only entries newer than the last verification in full, and prove that the older ones' tree is the same.",
)
@click.option(
    "--against",
    type=click.Choice(["remembered", "tiles", "partner"]),
    default="remembered",
    help="What to hold the log against: checkpoints remembered outside it; as well, a folder of tiles, or what "
    "partners saw of it.",
)
@click.option(
    "--tiles",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The folder that 'lading audit tiles' wrote, for --against tiles.",
)
@minimum_index
@verb
def verify(
    session: Session, *, incremental: bool, against: str, tiles: Path | None, minimum: int, partner: str | None
) -> int:
    """Verify the whole log against this organization's pinned key and every checkpoint remembered outside it.

    In full, it verifies former logs as well, and that each log goes on from where the one before was. --incremental
    says what it did not read: an edit of an older entry is found only by a verification in full.

    --against tiles compares every leaf and every tile of the folder, too; the longer of the two must extend the other.

    --against partner asks the witness of PARTNER, or of every partner, what it saw of this log, once the log holds
    together by itself. A witness that saw less is shown that the log only grew, and cosigns it.

    Exits 4 and says what differs, and where, when anything does; 5 when a witness has forgotten what it cosigned;
    6 when one cannot be asked.
    """
    from engine.workspace.log.record import verify_log
    from engine.workspace.log.tiles import hold_against
    from engine.workspace.origins.continuing import verify_continuations

    if (against == "tiles") != (tiles is not None):
        raise UsageError("--against tiles and --tiles DIR go together", remedy="Name both, or neither.")
    if minimum and tiles is None:
        raise UsageError("--minimum-index is of a folder of tiles", remedy="Add '--against tiles --tiles DIR'.")
    if partner is not None and against != "partner":
        raise UsageError(
            f"{printable(partner)} is not asked without --against partner", remedy="Add it, or leave the name out."
        )
    with Bar("verifying", enabled=not session.as_json, amount=entries) as bar:
        report: dict[str, Any] = verify_log(session.home, bar.update, incremental=incremental)
        report["former"] = verify_continuations(session.home, bar.update) if report["ok"] and not incremental else []
        if tiles is not None:
            report |= hold_against(session.home, tiles, report, bar.update, minimum)
    report["ok"] = report["ok"] and not any(former["problems"] for former in report["former"])
    if not report["ok"]:
        session.show(report, differences)
        return LogTampered.exit_code
    code = 0
    if against == "partner":
        report |= session.act("witness.compare", {"partner": partner})
        codes = [CODES[each["verdict"]] for each in report["partners"]]
        code = min(filter(None, codes), default=0)
        report["ok"] = LogTampered.exit_code not in codes
    session.show(report, _verified)
    return code


def _unread(report: dict[str, Any]) -> str:
    """Say what an incremental verification did not look at."""
    since = report["since"]
    if since is None:
        return ""
    older = f"entries 0 to {since['first_read'] - 1}, " if since["first_read"] else ""
    verified = f"{counted(since['size'], 'entries')} verified in full on {since['time']}; the log goes on from there"
    return f"\n  since      {verified}\n  not read   {older}the structure of the database and its indexes, former logs"


def _verified(report: dict[str, Any]) -> str:
    """Word what holds together, and what partners say to it."""
    size, known = report["size"], report["remembered"]
    witnessed = [f"up to entry {each} by {name}" for name, each in report["witnessed"].items()]
    whole = f"{counted(size, 'entries')} of {report['origin']} {agreeing(size, 'hold')} together"
    return (
        f"{click.style('✔', fg='green')} {whole}\n"
        f"  root       {report['root']}\n"
        f"  remembered {counted(known, 'earlier checkpoints')} {agreeing(known, 'agree')}\n"
        f"  witnessed  {', '.join(witnessed) or 'by nobody yet'}{_unread(report)}{_folder(report)}"
        f"{''.join(map(_former, report['former']))}{''.join(map(_partner, report.get('partners', ())))}"
    )


def _partner(found: dict[str, Any]) -> str:
    """Say what a partner's witness saw of this log."""
    mark, colour = MARKS.get(CODES[found["verdict"]], ("▲", "yellow"))
    remedy = f"\n    to do    {carried_over(found['remedy'])}" if found["remedy"] else ""
    return f"\n{click.style(mark, fg=colour)} {found['partner']}: {found['means']}{remedy}"


def _folder(report: dict[str, Any]) -> str:
    """Say what was compared with a folder of tiles."""
    tiles = report.get("tiles")
    if tiles is None:
        return ""
    lacks = (
        f"\n  not read   entries 0 to {tiles['first'] - 1} of the folder, which was pruned" if tiles["first"] else ""
    )
    same = f"{counted(tiles['entries'], 'entries')} and {counted(tiles['compared'], 'tiles')}"
    return f"\n  folder     {same} are the same; the log has {report['size'] - tiles['size']} more{lacks}"


def differences(report: dict[str, Any]) -> str:
    """Word what does not hold together."""
    lines = [f"{click.style('✘', fg='red')} the log of {report['origin']} does not hold together"]
    lines += [f"  {printable(p['where'])}: {printable(p['message'])}" for p in report["problems"]]
    for former in report.get("former", ()):
        found = [f"{printable(p['where'])}: {printable(p['message'])}" for p in former["problems"]]
        lines += [f"  {former['origin']}, {each}" for each in found]
    if report["omitted"]:
        lines.append(f"  and {report['omitted']} more")
    if report["problems"]:
        lines.append(f"  held       {_held(report['held'])}")
    for each in report["explained"]:
        lines += [
            f"  {click.style(each['kind'], bold=True):<10} {each['means']}",
            f"    to do    {carried_over(each['remedy'])}",
            f"    who else {each['tells']}",
        ]
    return "\n".join(lines)


def _held(held: dict[str, Any] | None) -> str:
    """Say since when the log does not hold together."""
    if held is None:
        return "no checkpoint that is remembered or cosigned shows that it ever did"
    by = [f"cosigned by {each['witness']} at {each['time']}" for each in held["cosigned"]]
    by += ["remembered outside the database"] * held["remembered"]
    return (
        f"together up to entry {held['size'] - 1}: the entries before the first difference still have the root of the "
        f"checkpoint of {held['size']}, {', '.join(by)}"
    )


def _former(log: dict[str, Any]) -> str:
    how = "ended" if log["rotated"] else "was gone on from"
    state = "holds together" if log["kept"] else "is not kept any more"
    return f"\n  former     {log['origin']} {how} at {counted(log['size'], 'entries')}, and {state}"
