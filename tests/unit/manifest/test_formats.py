"""A format is what the bytes parse as; a name alone proves nothing."""

import io
import pickle
import struct
import zipfile

import pytest

from engine.manifest.formats import recognise, role_of


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", "x")
    return buffer.getvalue()


GGUF = struct.pack("<4sIQQ", b"GGUF", 3, 291, 24)


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("config.json", b'{"a": 1}', "json"),
        ("config.json", b'{"a": 1', "unknown"),
        ("config.json", b"", "json"),
        ("config.json", b"[" * 100_000, "unknown"),
        ("config.json", b"\x80\x04.", "unknown"),
        ("a.yaml", b"a: 1\n", "yaml"),
        ("README.md", "# ü\n".encode(), "markdown"),
        ("README.md", b"\xff\xfe#\0", "unknown"),
        ("README.md", b"# a\0b", "unknown"),
        ("LICENSE", b"Apache", "text"),
        ("LICENSE.apache", b"Apache", "text"),
        ("notes.xyz", b"text", "unknown"),
        ("vocab.txt", b"a\nb\n", "text"),
        ("train.py", b"print()", "python"),
        ("model.gguf", GGUF, "gguf"),
        ("model.gguf", GGUF[:20], "unknown"),
        ("model.gguf", struct.pack("<4sIQQ", b"GGUF", 9, 1, 1), "unknown"),
        ("model.gguf", struct.pack("<4sIQQ", b"GGUF", 3, 2**60, 1), "unknown"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch", "onnx"),
        ("model.onnx", b"\x08\x07", "unknown"),
        ("model.onnx", b"MZ\x90\x00", "unknown"),
        ("other.bin", b"\x08\x07\x12\x07pytorch", "unknown"),
        ("model.pt", zipped(), "pytorch"),
        ("model.zip", zipped(), "zip"),
        ("model.bin", pickle.dumps([1], protocol=2), "pickle"),
        ("model.bin", b"\x80", "unknown"),
        ("model.bin", b"weights", "unknown"),
        ("a.npy", b"\x93NUMPY\x01\x00", "npy"),
        ("model.h5", b"\x89HDF\r\n\x1a\n....", "hdf5"),
        ("model.tflite", b"\x1c\0\0\0TFL3", "tflite"),
        ("a.parquet", b"PAR1....", "parquet"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "png"),
        ("harmless.txt", b"\x89PNG\r\n\x1a\n", "png"),
    ],
)
def test_a_file_is_what_its_first_bytes_parse_as(path: str, data: bytes, expected: str) -> None:
    assert recognise(path, memoryview(data), len(data)) == expected


def test_a_text_whose_head_ends_inside_a_character_is_still_text() -> None:
    head = memoryview("aü".encode()[:2])
    assert recognise("vocab.txt", head, 3) == "text"
    assert recognise("vocab.txt", head, 2) == "unknown"


@pytest.mark.parametrize(
    ("path", "found", "role"),
    [
        ("model.safetensors", "safetensors", "weights"),
        ("onnx/model.onnx", "onnx", "weights"),
        ("tokenizer.json", "json", "tokenizer"),
        ("sub/vocab.txt", "text", "tokenizer"),
        ("merges.txt", "text", "tokenizer"),
        ("spiece.model", "unknown", "tokenizer"),
        ("eval_results.json", "json", "evaluation"),
        ("evaluation/report.md", "markdown", "evaluation"),
        ("requirements.txt", "text", "config"),
        ("config.json", "json", "config"),
        ("train.py", "python", "code"),
        ("data.csv", "csv", "data"),
        ("README.md", "markdown", "documentation"),
        ("mystery", "unknown", "other"),
    ],
)
def test_a_role_is_guessed_from_name_and_format(path: str, found: str, role: str) -> None:
    assert role_of(path, found) == role
