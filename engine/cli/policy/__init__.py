"""`lading policy`: Cedar policies, from the first check to the last rollback.

folder      what the verbs share: where the policies are
checking    check, test
asking      decide
"""

import click

from engine.cli.policy.asking import decide
from engine.cli.policy.checking import check, test


@click.group()
def policy() -> None:
    """Cedar policies: check them, test them, ask them."""


for command in (check, test, decide):
    policy.add_command(command)
