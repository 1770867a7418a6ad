"""The `lading` command: one file per verb group, each a thin face over the workspace's operations.

INVARIANT: importing this package loads none of sigstore, textual, cedarpy, sqlalchemy, aiohttp or pydantic; every
command imports what it needs when it runs.
"""

import os
import shlex
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from engine import __version__
from engine.cli.agreement import agreement
from engine.cli.artifact import artifact
from engine.cli.audit import audit
from engine.cli.backup import backup
from engine.cli.bill import bill
from engine.cli.breakglass import breakglass
from engine.cli.command import INTERRUPTED, Session, fail
from engine.cli.completion import completion
from engine.cli.custody import custody
from engine.cli.demo import demo
from engine.cli.gateway import gateway, ready
from engine.cli.partner import partner
from engine.cli.policy import policy
from engine.cli.screen import tui
from engine.cli.transfer import approval, send, transfer
from engine.cli.trust import trust
from engine.cli.verify import verify
from engine.cli.witness import witness
from engine.cli.workspace import doctor, init
from engine.errors import UsageError

EXAMPLES = """\b
Examples:
  lading demo                              two organizations, one real handoff
  lading init acme --org acme.example --name "Acme" --region EU --admin ada
  lading -C acme --as ada artifact pack ./model --name sentiment --version 3.1
  lading -C acme --as ada send --artifact sentiment:3.1 --to borealis.example \\
      --agreement a1b2c3d4 --purpose evaluation
  lading -C borealis tui
"""


class InOrder(click.Group):
    """A group whose help lists its commands in the order in which they are needed, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the commands as they were added."""
        return list(self.commands)


@click.group(cls=InOrder, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lading")
@click.option(
    "-C",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    envvar="LADING_HOME",
    show_envvar=True,
    help="The workspace folder.",
)
@click.option(
    "--as",
    "who",
    metavar="NAME",
    envvar="LADING_AS",
    show_envvar=True,
    help="Act as NAME of this organization; mints a token, in the sandbox only.",
)
@click.pass_context
def lading(context: click.Context, home: Path, who: str | None) -> None:
    """Hand machine-learning models to another organization, so that both can prove it later."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False
    typed = {each for each in context.params if context.get_parameter_source(each) is ParameterSource.COMMANDLINE}
    context.obj = Session(
        home=home.absolute(),
        who=who,
        typed_home=f"-C {shlex.quote(str(home))} " if "home" in typed else "",
        typed_who=f"--as {shlex.quote(who)} " if who and "who" in typed else "",
    )


COMMANDS = (
    init,
    doctor,
    trust,
    partner,
    agreement,
    artifact,
    verify,
    policy,
    send,
    transfer,
    approval,
    breakglass,
    gateway,
    ready,
    audit,
    witness,
    bill,
    custody,
    backup,
    tui,
    demo,
    completion,
)

for command in COMMANDS:
    lading.add_command(command)


def main() -> None:
    """Run the command line; where JSON is asked for, what is wrong with how a command was typed is told so, too."""
    if "--json" not in sys.argv:
        lading(prog_name="lading")
    try:
        sys.exit(lading.main(prog_name="lading", standalone_mode=False))
    except click.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "lading"
        typed_wrong = UsageError(error.format_message(), remedy=f"See '{command} --help'.")
        fail(typed_wrong, as_json=True)
