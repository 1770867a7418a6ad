"""An organization where ada and bea may govern, and what stories about its policies do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.workspace.layout import Layout
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask, hire


@pytest.fixture
def office(home: Path) -> Iterator[Office]:
    hire(home, "bea", roles="security")
    with Office(Layout(home)) as opened:
        ask(opened, "trust.issue")
        yield opened


def edit(office: Office, file: str, old: str, new: str) -> None:
    path = office.layout.policies / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reword(office: Office, words: str = "Please connect with") -> None:
    """Change policies without changing what they decide."""
    edit(office, "evidence.cedar", "Connect with", words)


def propose(office: Office, who: str = "ada") -> str:
    return str(ask(office, "policy.propose", who, reason="wording")["digest"])


def approve(office: Office, digest: str, who: str = "bea", **more: Any) -> Any:
    return ask(office, "policy.approve", who, digest=digest, reason="fine", **more)


def active(office: Office) -> str:
    return str(office.governance.store.active())


def types(office: Office) -> list[str]:
    return [office.log.entry(index).type for index in range(office.log.size)]
