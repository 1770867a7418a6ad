"""A safetensors header is believed only if its tensors fill the file, without gap or overlap."""

import json
import struct
from typing import Any

import pytest

from engine.manifest.cuts import LARGE_TENSOR_BYTES, tensor_cuts
from engine.manifest.safetensors import MAX_HEADER_BYTES, header_bytes, tensor_sizes
from tests.unit.manifest.builders import safetensors

MIB = 1 << 20


def tensors_of(data: bytes) -> tuple[int, ...]:
    return tensor_sizes(data[: header_bytes(data[:8], len(data))], len(data))


def test_tensors_come_in_the_order_they_lie_in_the_file() -> None:
    later = {"dtype": "U8", "shape": [2], "data_offsets": [5, 7]}
    data = safetensors({"z": b"12345", "a": b"xy"}, a=later, __metadata__={"format": "pt"})
    assert tensors_of(data) == (5, 2)


def test_a_file_without_tensors_and_tensors_without_bytes_are_fine() -> None:
    assert tensors_of(safetensors({})) == ()
    assert sorted(tensors_of(safetensors({"empty": b"", "full": b"12"}))) == [0, 2]


def offsets(*span: Any) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [1], "data_offsets": list(span)}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "would be 0 bytes long, the file is 0"),
        (b"\1\0\0", "the file is 3"),
        (struct.pack("<Q", 2**63) + b"{}", "the file is 10"),
        (struct.pack("<Q", 3) + b"{}", "would be 3 bytes long"),
        (struct.pack("<Q", 2) + b"[]", "no JSON object"),
        (struct.pack("<Q", 2) + b"}{", "its header cannot be read"),
        (struct.pack("<Q", 13) + b'{"a":1,"a":1}', "twice"),
        (struct.pack("<Q", 0), "cannot be read"),
        (safetensors({}) + b"x", "end at 10 bytes, the file at 11"),
        (safetensors({"a": b"12"})[:-1], "end at"),
        (safetensors({"a": b"12"}, a=offsets(1, 2)), "gap or overlap at offset 0"),
        (safetensors({"a": b"12"}, b=offsets(1, 2)), "gap or overlap at offset 1"),
        (safetensors({"a": b"12"}, a=offsets(2, 0)), "'a' has no"),
        (safetensors({"a": b"12"}, a=offsets(-2, 0)), "'a' has no"),
        (safetensors({"a": b"12"}, a=offsets("0", "2")), "'a' has no"),
        (safetensors({"a": b"12"}, a=offsets(0, 1, 2)), "'a' has no"),
        (safetensors({"a": b"12"}, a=7), "'a' has no"),
    ],
)
def test_a_header_that_does_not_add_up_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        tensors_of(data)


def test_an_absurdly_long_header_is_not_parsed() -> None:
    prefix = struct.pack("<Q", MAX_HEADER_BYTES + 1)
    with pytest.raises(ValueError, match="at most 8388608 make sense"):
        header_bytes(prefix, 2 * MAX_HEADER_BYTES)


def test_a_header_that_is_nested_for_ever_is_refused() -> None:
    deep = b"[" * 100_000
    with pytest.raises(ValueError, match="deeply"):
        tensor_sizes(struct.pack("<Q", len(deep)) + deep, 8 + len(deep))


@pytest.mark.parametrize(
    ("tensors", "cuts"),
    [
        ([], []),
        ([0, 0], []),
        ([10, 20, 30], [60]),
        ([LARGE_TENSOR_BYTES - 1], [LARGE_TENSOR_BYTES - 1]),
        ([10, LARGE_TENSOR_BYTES, 20, 30], [10, LARGE_TENSOR_BYTES, 50]),
        ([MIB, MIB], [MIB, MIB]),
        ([9 * MIB, 5], [4 * MIB, 4 * MIB, MIB, 5]),
        ([LARGE_TENSOR_BYTES - 1] * 17, [4 * MIB, MIB // 4 - 17]),
    ],
)
def test_large_tensors_have_chunks_of_their_own_and_small_ones_share(tensors: list[int], cuts: list[int]) -> None:
    assert list(tensor_cuts(tensors)) == cuts


def test_the_header_of_a_real_library_is_understood() -> None:
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})
    padded = header.encode() + b" " * (-len(header) % 8)
    assert tensors_of(struct.pack("<Q", len(padded)) + padded + b"\0\0\0\0") == (4,)
