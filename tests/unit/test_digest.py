"""The same value has the same bytes; whatever could be read in two ways is refused."""

import json

import pytest

from engine.digest import canonical, is_digest, parse_canonical, parse_json, sha256
from engine.errors import InputError


def test_a_digest_is_64_lower_case_characters() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256(b"") == sha256(bytearray()) == sha256(memoryview(b"")) == empty
    assert is_digest(empty)


@pytest.mark.parametrize("text", ["", "E3" * 32, "sha256:" + "0" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", 7, None])
def test_nothing_else_is_a_digest(text: object) -> None:
    assert not is_digest(text)


def test_canonical_json_sorts_keys_and_wastes_no_bytes() -> None:
    value = {"b": [1, 2.50, True, None], "a": "ü\u2028\n", "€": 1e21, "A": -0.0}
    assert canonical(value) == '{"A":0,"a":"ü\u2028\\n","b":[1,2.5,true,null],"€":1e+21}'.encode()


def test_keys_are_sorted_as_utf_16_as_the_specification_wants() -> None:
    assert canonical({"\ue000": 1, "\U00010000": 2}) == '{"\U00010000":2,"\ue000":1}'.encode()


def test_json_that_is_whole_is_read() -> None:
    assert parse_json(b' {"a": [1, 2.5, "x"]} ', what="it", limit=100) == {"a": [1, 2.5, "x"]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b'{"a":1,"b":2,"a":3}', "the key 'a' stands twice"),
        (b'[{"a":{"b":1,"b":1}}]', "the key 'b' stands twice"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b'["\xff"]', "byte 2 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 200_000, "nested too deeply"),
        (b'["\n"]', "control character"),
        (b"1" * 5000, "digits"),
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        parse_json(data, what="the offer", limit=1 << 20)
    assert str(caught.value).startswith("the offer cannot be read: ")
    assert caught.value.remedy


def test_a_flood_is_refused_before_it_is_parsed() -> None:
    assert parse_json(b"[1]", what="it", limit=3) == [1]
    with pytest.raises(InputError, match="4 bytes, where at most 3 make sense"):
        parse_json(b"[10]", what="it", limit=3)


def test_canonical_bytes_are_read() -> None:
    assert parse_canonical(b'{"a":1,"b":[]}', what="it", limit=100) == {"a": 1, "b": []}


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":1}', b'{"a": 1}', b'{"a":1}\n', b'{"a":1.0}', b'{"a":"\\u0041"}', b'{"a":1e0}']
)
def test_another_spelling_of_the_same_value_is_refused(data: bytes) -> None:
    json.loads(data)
    with pytest.raises(InputError, match="not in its canonical form"):
        parse_canonical(data, what="it", limit=100)


@pytest.mark.parametrize("data", [b"[9007199254740992]", b"[1e400]", b'["\\ud800"]'])
def test_a_value_without_a_canonical_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="no canonical form"):
        parse_canonical(data, what="it", limit=100)


def test_what_goes_in_circles_has_no_canonical_form() -> None:
    circle: list[object] = []
    circle.append(circle)

    with pytest.raises(RecursionError):
        canonical(circle)


def test_texts_that_no_structure_is_for_are_refused_without_being_counted_to_the_end() -> None:
    with pytest.raises(InputError, match="more than 100 lists"):
        parse_json(b'""' * 10_000 + b"," * 101, what="it", limit=1 << 20, values=100)


def test_as_many_names_and_texts_as_values_allow_are_read() -> None:
    members = ",".join(f'"{number}":"text"' for number in range(100))

    assert len(parse_json(f"{{{members}}}".encode(), what="it", limit=1 << 20, values=100)) == 100  # type: ignore[arg-type]
