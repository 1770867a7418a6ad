"""Handing on from the store survives broken lines, and the end of the process at any of its durable writes."""

from collections.abc import Iterator

import pytest

from engine.errors import Interrupted
from tests.integration.chain import CIRRUS, Chain
from tests.integration.link import Crash


@pytest.fixture
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    three = Chain(tmp_path_factory.mktemp("three"))
    yield three
    three.close()


def test_a_broken_line_sends_only_the_rest_again(chain: Chain) -> None:
    root = chain.deliver("broken", size=13 << 20)
    chain.borealis.links[CIRRUS].breaks_after = 2

    with pytest.raises(Interrupted):
        chain.hand_on(root, patience=0)
    sent = chain.hand_on(root)

    assert (sent["state"], sent["verdict"], sent["sent_twice"]) == ("completed", "released", 0)


@pytest.mark.parametrize("afterwards", [False, True])
def test_a_holder_that_ends_at_any_of_its_writes_goes_on_with_the_same_chain(chain: Chain, *, afterwards: bool) -> None:
    """Each run is doomed at its next write until one comes through; then the whole story is told once."""
    root = chain.deliver("killed")
    doom = chain.borealis.doom
    crashes = 0
    while True:
        doom.writes.clear()
        doom.at, doom.afterwards = crashes + 1, afterwards
        try:
            sent = chain.hand_on(root)
            break
        except Crash:
            crashes += 1
            chain.borealis.restart()
    doom.at = 0

    told = chain.borealis.log_of(sent["id"])
    assert crashes > 5
    assert sent["state"] == "completed"
    assert [told.count(kind) for kind in ("custody.linked", "transfer.offered", "transfer.completed")] == [1, 1, 1]
    assert chain.cirrus.log_of(sent["id"]).count("custody.linked") == 1
    assert len(chain.borealis.ask("custody.story", ref=root)["handoffs"]) == 2
