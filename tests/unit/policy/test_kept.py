"""Values kept by weight: made once while there is room, the oldest given up first."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.policy.kept import Kept


class Letters:
    """Makes a word of that many letters, and counts how often."""

    def __init__(self, room: int) -> None:
        self.made: list[int] = []
        self.word = Kept(self._make, lambda _, word: len(word), room)

    def _make(self, length: int) -> str:
        self.made.append(length)
        if length < 0:
            raise ValueError("no such word")
        return "a" * length


def test_what_is_kept_is_made_once() -> None:
    letters = Letters(10)
    assert [letters.word(3) for _ in range(3)] == ["aaa"] * 3
    assert letters.made == [3]


def test_the_one_asked_for_longest_ago_makes_room() -> None:
    letters = Letters(10)
    for length in (3, 4, 3, 5, 3):
        letters.word(length)
    assert letters.made == [3, 4, 5]
    letters.word(4)
    assert letters.made == [3, 4, 5, 4]
    letters.word(3)
    assert letters.made == [3, 4, 5, 4]
    letters.word(5)
    assert letters.made == [3, 4, 5, 4, 5]


def test_what_needs_more_than_all_the_room_drives_nothing_out() -> None:
    letters = Letters(10)
    for length in (3, 11, 3, 11):
        assert letters.word(length) == "a" * length
    assert letters.made == [3, 11, 11]


def test_what_cannot_be_made_is_tried_again() -> None:
    letters = Letters(10)
    for _ in range(2):
        with pytest.raises(ValueError, match="no such word"):
            letters.word(-1)
    assert letters.made == [-1, -1]


def test_threads_get_the_same_words() -> None:
    letters = Letters(20)
    with ThreadPoolExecutor(4) as pool:
        words = list(pool.map(lambda number: letters.word(number % 9), range(900)))
    assert words == ["a" * (number % 9) for number in range(900)]
    for length in (7, 8):
        letters.word(length)
    made = len(letters.made)
    letters.word(7)
    assert len(letters.made) == made
