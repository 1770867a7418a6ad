"""Is there room? To the byte, because a full disk in the middle of a transfer helps nobody."""

from engine.checks.space import Space, check_space
from engine.errors import StoreError


def codes(space: Space) -> list[str]:
    return [finding.code for finding in check_space(space)]


def test_size_and_five_percent_and_the_reserve_must_be_free() -> None:
    assert codes(Space(free=lambda: 1_150, size=1_000, reserve=100)) == []
    assert codes(Space(free=lambda: 1_149, size=1_000, reserve=100)) == ["space-short"]


def test_five_percent_is_rounded_up_and_exact_for_any_size() -> None:
    assert Space(free=int, size=1, reserve=0).needed == 2
    assert Space(free=int, size=10**18 + 1, reserve=7).needed == 105 * 10**16 + 9


def test_the_finding_says_how_much_to_free() -> None:
    (finding,) = check_space(Space(free=lambda: 50, size=1_000, reserve=100))
    assert "found 50 bytes free, expected at least 1150" in finding.message
    assert "1100 bytes" in finding.remedy


def test_what_cannot_be_measured_is_not_enough() -> None:
    def gone() -> int:
        raise OSError(2, "No such file or directory")

    def closed() -> int:
        raise StoreError("the store is locked", remedy="Unlock it.")

    assert codes(Space(free=gone, size=0, reserve=0)) == ["space-unknown"]
    assert codes(Space(free=closed, size=0, reserve=0)) == ["space-unknown"]
