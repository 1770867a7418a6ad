"""Whatever a handoff records here has the payload that docs/formats/events.md describes."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.audit import log
from engine.audit.entry import Sealed, seal
from engine.events import Event
from tests.integration.simulator import PartnerSimulator
from tests.payloads import objections

SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"

Seen = list[tuple[Mapping[str, str], Mapping[str, Any]]]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[PartnerSimulator]:
    """Acme and Borealis, with the sample agreement in force."""
    simulator = PartnerSimulator(tmp_path / "two", SAMPLE)
    yield simulator
    simulator.close()


@pytest.fixture(scope="session")
def recorded() -> Iterator[Seen]:
    """Leaf and payload of every entry that these tests record, in order; whoever looked at them takes them off.

    What other tests record in the same process is theirs: not all of it is what a command would.
    """
    found: Seen = []

    def observed(event: Event, **rest: Any) -> Sealed:
        sealed = seal(event, **rest)
        if os.environ.get("PYTEST_CURRENT_TEST", "").startswith("tests/integration/"):
            found.append((sealed.public, json.loads(sealed.payload)))
        return sealed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "seal", observed)
        yield found


@pytest.fixture(autouse=True)
def every_payload_is_as_documented(recorded: Seen) -> Iterator[None]:
    """Hold what a test and its fixtures recorded against the page."""
    yield
    seen = recorded[:]
    del recorded[: len(seen)]  # threads of a gateway may be recording more

    assert sorted({each for leaf, payload in seen for each in objections(leaf["type"], payload)}) == []
