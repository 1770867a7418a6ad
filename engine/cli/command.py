"""What every command shares: where the workspace is, who acts, how results and errors are shown."""

import json
import os
import re
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from engine.errors import LadingError, refused_by_system
from engine.files import check_place
from engine.text import printable

DENIED = 3
FAILED = 5
INTERRUPTED = 130
UNREAD = 141
"""What a shell shows for a program that SIGPIPE ended."""


class OutputFile(click.Path):
    """A file to be written, in a folder that is there; what it held before is replaced as a whole."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or end the command before it does anything."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            check_place(path)
        except LadingError as error:
            self.fail(f"{error}. {error.remedy}", param, ctx)
        return path


OUTPUT = OutputFile()

_QUOTED = re.compile(r"'lading (?:--as (?P<by>\S+) )?(?=[a-z])(?!(?:init|demo|completion)\b)")
"""How a message begins to quote a command that means a workspace, and does not name it."""

INDEX = click.IntRange(0, 2**63 - 1)
"""An index or a size of a log; no log of SQLite reaches further."""


@dataclass(slots=True)
class Session:
    """The global options of one run of the command.

    Attributes:
        home: the workspace folder (`-C`, `LADING_HOME`, or the current folder).
        who: the name given with `--as`; mints an OIDC token in the sandbox.
        as_json: whether the command was asked for `--json`.
        typed_home: `-C DIR ` as it was typed, quoted for a shell; empty if it was not.
        typed_who: `--as NAME `, likewise.
    """

    home: Path
    who: str | None = None
    as_json: bool = field(default=False)
    typed_home: str = ""
    typed_who: str = ""

    def act(self, operation: str, params: Mapping[str, Any], progress: Callable[[Any], None] | None = None) -> Any:
        """Have the workspace's owner perform an operation; become the owner if there is none.

        A denial is shown with its policies, conditions and remedies, and ends the command with exit code 3.
        """
        from engine.workspace.acting import act

        told = _saying_what_is_waited_for(progress or (lambda _: None))
        result = act(self.home, operation, params, who=self.who, on_progress=told)
        if isinstance(result, dict) and "denied" in result:
            self.show(result, lambda denied: carried_over(denial(denied["denied"])))
            sys.exit(DENIED)
        return result

    def show(self, result: Any, render: Callable[[Any], str]) -> None:
        """Print a result: as JSON when asked for, otherwise as `render` words it."""
        click.echo(json.dumps(result, indent=2, ensure_ascii=False) if self.as_json else render(result))


def _saying_what_is_waited_for(progress: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a function that takes progress, and says on standard error what an operation waits for.

    It is said whether a person watches or a program does: an operation that waits does nothing else to be seen.
    """
    from engine.workspace.turns import WAITING

    def take(report: Any) -> None:
        if report.get("step") == WAITING:
            what = printable(str(report.get("detail")))
            click.echo(f"waiting for {what}, which is under way; leave this running, it goes on by itself", err=True)
        else:
            progress(report)

    return take


def command(words: str, by: str | None = None) -> str:
    """Return a lading command for whoever typed this one: with the same `-C DIR` and `--as NAME`.

    Args:
        words: what stands after the global options.
        by: who has to type it, if somebody else: SOMEBODY, or a name.
    """
    typed = _typed()
    who = f"--as {by} " if by else typed.typed_who
    return f"lading {typed.typed_home}{who}{words}"


def carried_over(text: str) -> str:
    """Return a message with the user's `-C DIR` and `--as NAME` in each 'lading …' that it quotes for the user.

    What somebody in another organization has to run is quoted "lading …", and stays as it is.
    """
    return _QUOTED.sub(lambda found: "'" + command("", found["by"]), text)


def _typed() -> Session:
    context = click.get_current_context(silent=True)
    found = context.find_object(Session) if context else None
    return found or Session(Path())


def verb(function: Callable[..., int | None]) -> Callable[..., None]:
    """Make a function a command's body: adds `--json`, shows errors with their remedy, exits with its code.

    The function takes the session first and returns an exit code, or None for 0.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
    @click.pass_obj
    @wraps(function)
    def run(session: Session, *args: Any, **options: Any) -> None:
        session.as_json = as_json = bool(options.pop("as_json"))
        try:
            code = function(session, *args, **options)
        except LadingError as error:
            fail(error, as_json=as_json)
        except KeyboardInterrupt:
            click.echo("\ninterrupted: what was finished is kept; run the same command again to go on", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                _let_output_go()
                sys.exit(UNREAD)
            fail(refused_by_system(error), as_json=as_json)
        except Exception as error:
            if os.environ.get("LADING_DEBUG"):
                raise
            fail(_defect(error), as_json=as_json)
        sys.exit(code or 0)

    return run


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader is gone; other pipes, as the owner's socket, break as well."""
    output = select.poll()
    output.register(1, 0)
    return bool(output.poll(0))


def _let_output_go() -> None:
    """Drop what standard output does not take: the interpreter would try again as it ends, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def advice(session: Session) -> list[str]:
    """Say where two names are not two people."""
    from engine.workspace.advisory import four_eyes_note

    note = four_eyes_note(session.home)
    return [f"{click.style('▲', fg='yellow')} {note}"] if note else []


def denial(denied: Mapping[str, Any]) -> str:
    """Word a denial: which policies, which conditions with their values, what to do."""
    lines = [f"{click.style('denied', fg='red', bold=True)} by {', '.join(map(printable, denied['because']))}"]
    lines += reasons(denied["reasons"])
    if not denied["reasons"]:
        lines += [f"  remedy    {printable(remedy)}" for remedy in denied["remedies"]]
    return "\n".join(lines)


def reasons(given: Sequence[Mapping[str, Any]]) -> list[str]:
    """Word what policy said: policy, condition and remedy, a line each."""
    lines = []
    for each in given:
        lines += [
            f"  policy    {printable(each['policy'])}",
            f"  condition {printable(each['condition'])}",
            f"  remedy    {printable(each['remedy'])}",
        ]
    return lines


def fail(error: LadingError, *, as_json: bool) -> NoReturn:
    """Say what is wrong and what to do, and exit.

    It is said on standard error, or as problem details on standard output, if that takes them.
    """
    remedy = carried_over(error.remedy)
    told = error.details() | {"detail": remedy, "exit_code": error.exit_code}
    if not (as_json and _printed(json.dumps(told, indent=2, ensure_ascii=False))):
        click.echo(f"{click.style('error', fg='red', bold=True)}: {_lines(str(error))}", err=True)
        click.echo(f"{click.style('remedy', bold=True)}: {_lines(remedy)}", err=True)
    _let_output_go()
    sys.exit(error.exit_code)


def _printed(text: str) -> bool:
    try:
        click.echo(text)
    except OSError:
        return False
    return True


def _lines(text: str) -> str:
    """Keep a message's own lines; a partner may have worded parts of it."""
    return "\n".join(map(printable, text.split("\n")))


def _defect(error: Exception) -> LadingError:
    return LadingError(
        f"lading failed inside: {type(error).__name__}: {error}",
        remedy="This is a defect of lading. Run it again with LADING_DEBUG=1 and report what it prints.",
    )


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Lay rows out under a header, each column as wide as its widest cell."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)
