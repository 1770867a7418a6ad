"""Canonical JSON: one value, one encoding, which reads back as the value it was."""

import json
from types import MappingProxyType
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from engine.digest import canonical, parse_canonical, parse_json
from engine.errors import InputError

LIMIT = 1 << 20
SAFE = 2**53 - 1

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer() or abs(x) <= SAFE)
    | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30)


def shuffled(value: Any, random: Any) -> Any:
    """The same value, its objects written in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(each, random) for key, each in items}
    return [shuffled(each, random) for each in value] if isinstance(value, list) else value


@given(values)
def test_what_is_encoded_reads_back_as_it_was(value: Any) -> None:
    data = canonical(value)
    assert parse_canonical(data, what="it", limit=LIMIT) == value
    assert json.loads(data) == value


hostile = st.recursive(
    scalars
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "\x7f\x1f", "\U0001f600\ufb33"]),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner).map(MappingProxyType)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(["\U0001f600", "\ufb33", "\ud800"]), inner)
    ),
    max_leaves=30,
)


@given(hostile)
def test_the_fast_way_writes_what_the_reference_writes_or_is_not_taken(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (ValueError, TypeError) as error:
        with pytest.raises(type(error)):
            canonical(value)
        return
    assert canonical(value) == expected


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: Any, random: Any) -> None:
    assert canonical(shuffled(value, random)) == canonical(value)


@given(values, st.fixed_dictionaries({"indent": st.sampled_from([None, 0, 4]), "ensure_ascii": st.booleans()}))
def test_every_other_spelling_has_the_same_canonical_form(value: Any, spelling: dict[str, Any]) -> None:
    spelled = json.dumps(value, **spelling).encode()
    assert canonical(parse_json(spelled, what="it", limit=LIMIT)) == canonical(value)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789.eE+-ntrufalse \\', max_size=60).map(str.encode))
def test_hostile_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        value = parse_canonical(data, what="it", limit=LIMIT)
    except InputError:
        return
    assert canonical(value) == data
