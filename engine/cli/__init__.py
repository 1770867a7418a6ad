"""The `lading` command: one file per verb group, each a thin face over the workspace's operations.

INVARIANT: importing this package loads none of sigstore, textual, cedarpy, sqlalchemy, aiohttp or pydantic; every
command imports what it needs when it runs.
"""

from pathlib import Path

import click

from engine import __version__
from engine.cli import (
    agreement,
    artifact,
    audit,
    bill,
    completion,
    demo,
    gateway,
    partner,
    policy,
    screen,
    transfer,
    trust,
    verify,
    workspace,
)
from engine.cli.command import Session

EXAMPLES = """\b
Examples:
  lading demo                              two organizations, one real handoff
  lading init acme --org acme.example --name "Acme" --region EU --admin ada
  lading -C acme --as ada artifact pack ./model --name sentiment --version 3.1
  lading -C acme --as ada send --artifact sentiment:3.1 --to borealis.example \\
      --agreement a1b2c3d4 --purpose evaluation
  lading -C borealis tui
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
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
    context.obj = Session(home=home.absolute(), who=who)


for group in (
    workspace.init,
    workspace.doctor,
    artifact.artifact,
    verify.verify,
    trust.trust,
    partner.partner,
    agreement.agreement,
    policy.policy,
    transfer.send,
    transfer.transfer,
    transfer.approval,
    gateway.gateway,
    audit.audit,
    bill.bill,
    screen.tui,
    demo.demo,
    completion.completion,
):
    lading.add_command(group)


def main() -> None:
    """Run the command line."""
    lading(prog_name="lading")
