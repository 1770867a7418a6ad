"""Whatever strangers send, readers refuse it by an error of this project, and believe nothing that nobody signed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

SLOW = {"backup", "bill"}


def changes(sample: bytes) -> st.SearchStrategy[bytes]:
    """A sample with something replaced, left out, doubled or put in."""
    place = st.integers(0, len(sample))
    piece = st.binary(max_size=8) | st.sampled_from([b"\n", b"\0", b"\xff", b"9" * 30, b"\xed\xa0\x80", sample[:40]])
    return st.builds(
        lambda start, length, new: sample[:start] + new + sample[start + length :],
        place,
        st.integers(0, 12) | place,
        piece,
    )


def hostile(target: Target) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=200) | st.one_of([changes(sample) for sample in target.samples])


@pytest.mark.parametrize("name", TARGETS)
def test_a_genuine_sample_is_accepted(name: str) -> None:
    target = TARGETS[name]

    assert all(target.accepted(sample) for sample in target.samples)


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_bytes_are_refused_or_say_what_was_signed(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=40 if name in SLOW else 200, suppress_health_check=list(HealthCheck), database=None)
    @given(data=hostile(target))
    def read(data: bytes) -> None:
        target.accepted(data)

    read()
