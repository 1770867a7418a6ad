"""What a file is: its format by what its first bytes parse as, its role by its name.

A format is never taken from the name alone. Where a name and the bytes disagree the format is `unknown`, and an
agreement that lists accepted formats will stop the file: what did not parse is not called clean.
"""

import codecs
import json
import re
import struct
from pathlib import PurePosixPath
from typing import Final

from engine.manifest.parts import Role

UNKNOWN: Final = "unknown"

_TEXT: Final = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".md": "markdown",
    ".txt": "text",
    ".rst": "text",
    ".csv": "csv",
    ".tsv": "csv",
    ".py": "python",
    ".sh": "shell",
    ".ipynb": "notebook",
    ".jinja": "text",
    "": "text",
}
_PLAIN_NAMES: Final = re.compile(
    r"(LICEN[CS]E|NOTICE|COPYING|README|CHANGELOG|AUTHORS|VERSION)([-.].*)?", re.IGNORECASE
)
_MAGIC: Final = (
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"\x93NUMPY", "npy"),
    (0, b"PAR1", "parquet"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (4, b"TFL3", "tflite"),
)
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")  # PROTO, then the protocol's number
_PICKLE_SUFFIXES: Final = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
_ROLES_BY_NAME: Final[tuple[tuple[re.Pattern[str], Role], ...]] = (
    (
        re.compile(
            r"(.*/)?(tokenizer[^/]*|[^/]*vocab[^/]*|special_tokens_map|added_tokens|merges|spiece)\.(json|txt|model)"
        ),
        "tokenizer",
    ),
    (re.compile(r"eval(uation)?/.*|(.*/)?(all|eval|test)_results\.json"), "evaluation"),
    (re.compile(r"(.*/)?requirements[^/]*\.txt"), "config"),
)
_ROLES_BY_FORMAT: Final[dict[str, Role]] = {
    **dict.fromkeys(("gguf", "hdf5", "npy", "onnx", "pickle", "pytorch", "safetensors", "tflite"), "weights"),
    **dict.fromkeys(("notebook", "python", "shell"), "code"),
    **dict.fromkeys(("csv", "jsonl", "parquet"), "data"),
    **dict.fromkeys(("json", "toml", "yaml"), "config"),
    **dict.fromkeys(("jpeg", "markdown", "png", "text"), "documentation"),
}


def recognise(path: str, head: memoryview, size: int) -> str:
    """Return the format of a file that is not safetensors.

    Args:
        path: its path; only the name's ending counts.
        head: its first bytes, at most 4 MiB.
        size: of the whole file, in bytes.
    """
    suffix = PurePosixPath(path).suffix.lower()
    name = PurePosixPath(path).name
    start = bytes(head[:16])
    for offset, magic, found in _MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return found
    if start[:4] == b"PK\x03\x04":
        return "pytorch" if suffix in _PICKLE_SUFFIXES else "zip"
    if _is_gguf(head):
        return "gguf"
    if suffix == ".onnx" and _is_onnx(head):
        return "onnx"
    if suffix in _PICKLE_SUFFIXES and _PICKLE.match(start):
        return "pickle"
    text = "text" if _PLAIN_NAMES.fullmatch(name) and suffix not in _TEXT else _TEXT.get(suffix)
    return text if text and (size == 0 or _is_text(text, head, whole=len(head) == size)) else UNKNOWN


def role_of(path: str, found: str) -> Role:
    """Guess what a file is for.

    Args:
        path: its path.
        found: its format, as `recognise` named it.
    """
    by_name = (role for pattern, role in _ROLES_BY_NAME if pattern.fullmatch(path))
    return next(by_name, _ROLES_BY_FORMAT.get(found, "other"))


def _is_gguf(head: memoryview) -> bool:
    """GGUF: magic, version (2 or 3), number of tensors and of metadata pairs, little-endian."""
    shape = struct.Struct("<4sIQQ")
    if len(head) < shape.size:
        return False
    magic, version, tensors, pairs = shape.unpack_from(head)
    sensible = 1 << 24
    return magic == b"GGUF" and version in {2, 3} and tensors < sensible and pairs < sensible


def _is_onnx(head: memoryview) -> bool:
    """ONNX: a protobuf that begins with field 1 (IR version, a small number), then another field of ModelProto."""
    newest, fields = 64, range(2, 33)
    if len(head) < len(b"\x08\x07\x12"):
        return False
    return head[0] == 1 << 3 and 0 < head[1] < newest and head[2] >> 3 in fields and head[2] & 7 in {0, 2}


def _is_text(found: str, head: memoryview, *, whole: bool) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(bytes(head), final=whole)
        if whole and found in {"json", "notebook"}:
            json.loads(text)
    except (ValueError, RecursionError):
        return False
    return "\0" not in text
