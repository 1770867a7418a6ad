"""The order of the commands in `lading --help`."""

import click

from engine.cli import COMMANDS, lading


def test_help_lists_the_commands_in_the_order_of_the_work() -> None:
    listed = lading.list_commands(click.Context(lading))

    assert listed == [command.name for command in COMMANDS]
    assert listed != sorted(listed)
