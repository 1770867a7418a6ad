"""What people and partners word as they like cannot steer the terminal that shows it."""

from pathlib import Path

import pytest

from engine.cli.breakglass import _listed, _told
from engine.cli.command import Session, denial, fail
from engine.cli.policy.access import _rows
from engine.errors import InputError

STEERING = "INC\x1b[2J\x9b1m\u202e17"
"""An escape sequence, a C1 control and a bidirectional override."""
SHOWN = "INC\\u{1b}[2J\\u{9b}1m\\u{202e}17"

TICKET = {
    "id": "bg-1",
    "state": "requested",
    "transfer": "tr-1",
    "waives": ["extra"],
    "ticket": STEERING,
    "requester": "ada@acme.example",
    "approver": None,
}


def test_an_incident_cannot_steer_the_terminal(tmp_path: Path) -> None:
    session = Session(home=tmp_path, who=None, as_json=False)

    for shown in (_listed(session, {"tickets": [TICKET]}), _told(session, TICKET, "waits")):
        assert SHOWN in shown
        assert STEERING not in shown


def test_a_name_cannot_steer_the_terminal() -> None:
    shown = _rows([{"decision": "deny", "principal": STEERING, "why": STEERING}], ("principal",))

    assert shown.count(SHOWN) == 2
    assert STEERING not in shown


def test_an_error_cannot_steer_the_terminal_but_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(InputError(f"the partner said {STEERING}\nand more", remedy=STEERING), as_json=False)

    said = capsys.readouterr().err
    assert f"the partner said {SHOWN}\nand more\n" in said
    assert said.count(SHOWN) == 2
    assert STEERING not in said


def test_a_denial_cannot_steer_the_terminal() -> None:
    reason = {"policy": STEERING, "condition": STEERING, "remedy": STEERING}

    shown = denial({"because": [STEERING], "reasons": [reason], "remedies": []})

    assert shown.count(SHOWN) == 4
    assert STEERING not in shown
