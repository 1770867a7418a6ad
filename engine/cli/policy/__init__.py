"""`lading policy`: Cedar policies, from the first check to the last rollback.

folder      what the verbs share: where the policies are
checking    check
testing     test
asking      decide
explaining  explain, what-if
access      who-can, what-can
comparing   diff, replay, export
upkeep      lint, fmt, bench, conform
changing    propose, approve, activate, withdraw, rollback, history, shadow
"""

import click

from engine.cli.policy.access import what_can, who_can
from engine.cli.policy.asking import decide
from engine.cli.policy.changing import activate, approve, history, propose, rollback, shadow, withdraw
from engine.cli.policy.checking import check
from engine.cli.policy.comparing import diff, export, replay
from engine.cli.policy.explaining import explain, what_if
from engine.cli.policy.testing import test
from engine.cli.policy.upkeep import bench, conform, fmt, lint


@click.group()
def policy() -> None:
    """Cedar policies: check them, test them, ask them, change what decides."""


COMMANDS = (
    check,
    lint,
    fmt,
    bench,
    conform,
    test,
    decide,
    explain,
    what_if,
    who_can,
    what_can,
    diff,
    replay,
    export,
    propose,
    approve,
    activate,
    withdraw,
    rollback,
    history,
    shadow,
)

for command in COMMANDS:
    policy.add_command(command)
