"""What nobody may do without saying why."""

from click.testing import CliRunner

from engine.cli import lading


def test_no_hold_is_lifted_without_a_reason() -> None:
    lifted = CliRunner().invoke(lading, ["audit", "hold", "lift", "case-7"])

    assert lifted.exit_code == 2
    assert "Missing option '--reason'" in lifted.output


def test_nothing_is_erased_without_a_reason() -> None:
    erased = CliRunner().invoke(lading, ["audit", "erase", "--actor", "ben"])

    assert erased.exit_code == 2
    assert "nothing is erased for good without a reason" in erased.output
