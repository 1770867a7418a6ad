"""How many large bodies the owner has at once."""

import asyncio
from contextlib import ExitStack

import pytest

from engine.wire.large_bodies import LARGE, ROOM, LargeBodies
from engine.wire.problem import ProblemError
from engine.wire.routes import OFFER_LIMIT


def test_a_peer_has_room_for_one_and_has_it_again_when_that_is_done() -> None:
    bodies = LargeBodies()
    with bodies.room("acme.example", LARGE), pytest.raises(ProblemError) as busy:  # noqa: SIM117 - one ends in the other
        with bodies.room("acme.example", LARGE):
            pass
    assert (busy.value.problem.status, busy.value.problem.codes) == (503, ("busy",))
    with pytest.raises(ZeroDivisionError), bodies.room("acme.example", LARGE):
        _ = 1 / 0
    with bodies.room("acme.example", LARGE):
        pass


def test_all_peers_together_have_a_bounded_number_of_bytes() -> None:
    bodies = LargeBodies()
    with ExitStack() as here:
        for number in range(ROOM // OFFER_LIMIT):
            here.enter_context(bodies.room(f"{number}.example", OFFER_LIMIT))
        with pytest.raises(ProblemError, match="Too much at once"), bodies.room("late.example", LARGE):
            pass
        with bodies.room("small.example", LARGE - 1), bodies.room("small.example", LARGE - 1):
            pass


def test_large_ones_are_worked_on_one_after_the_other() -> None:
    bodies, at_work, most = LargeBodies(), 0, 0

    async def work() -> None:
        nonlocal at_work, most
        async with bodies.turn(LARGE):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0)
            at_work -= 1

    async def all_at_once() -> None:
        async with bodies.turn(LARGE), bodies.turn(LARGE - 1):  # a small one does not wait
            pass
        await asyncio.gather(*(work() for _ in range(5)))

    asyncio.run(all_at_once())
    assert most == 1
