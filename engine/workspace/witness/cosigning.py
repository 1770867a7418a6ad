"""Cosignatures by files, for a witness that no network reaches: a request goes out, a signature line comes back.

The request is the body of C2SP tlog-witness `add-checkpoint`; the answer is the checkpoint with the witness's
cosignature as one more line (C2SP tlog-checkpoint).
"""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from engine.audit.checkpoint import read_checkpoint
from engine.audit.note import NOTE_LIMIT, NoteKey
from engine.audit.reader import LogReader
from engine.audit.witness import BODY_LIMIT, add_checkpoint_body
from engine.digest import JSON
from engine.errors import InputError, LogTampered
from engine.files import read_regular, write_atomic
from engine.signing.trust_folder import TrustFolder
from engine.text import printable
from engine.workspace.layout import Layout
from engine.workspace.log.record import cosigners, log_layout
from engine.workspace.witness.folder import WitnessFolder

_NOBODY: Final = "No witness is pinned: pin one with 'lading audit witness add', or leave --witness out."


def request_cosignature(home: Path, old: int | None, witness: str | None) -> dict[str, JSON]:
    """Make the request that asks a witness to cosign this log's newest checkpoint.

    Args:
        home: the workspace.
        old: the size the witness cosigned last; None if `witness` tells, or it never cosigned.
        witness: what the witness is called here, or in its cosignatures, to look up what it cosigned last.

    Raises:
        InputError: the log never had the size `old`, or no witness is called that.
    """
    layout = log_layout(home)
    name = _key_name(layout, witness) if witness else None
    with LogReader(layout.audit_database) as log:
        note = log.newest_checkpoint()
        size = read_checkpoint(note).size
        if old is None:
            cosigned = log.cosigned_checkpoint(name) if name else None
            old = read_checkpoint(cosigned).size if cosigned else 0
        if not 0 <= old <= size:
            raise InputError(
                f"the log has {size} entries, it never had {old}", remedy="Give the size that the witness answered."
            )
        proof = log.prove_consistency(old, size) if 0 < old < size else []
    return {"request": add_checkpoint_body(old, proof, note).decode(), "old": old, "size": size}


def _key_name(layout: Layout, witness: str) -> str:
    """Return the name in the cosignatures of a witness that was pinned here, or that a partner runs."""
    pins = {pin.name: NoteKey.parse(pin.vkey).name for pin in TrustFolder(layout.trust).pins()}
    names = {key.name for key in cosigners(layout)}
    found = pins.get(witness, witness)
    if found not in names:
        raise InputError(
            f"no witness is called {printable(witness)!r}",
            remedy=f"Name one of {', '.join(sorted({*pins, *names}))}." if names else _NOBODY,
        )
    return found


def cosign_file(home: Path, file: Path, output: Path | None) -> dict[str, JSON]:
    """Cosign a request as the witness in `home`.

    Raises:
        InputError: the request is malformed, of an unknown log, or starts from another size than was cosigned last.
        LogTampered: the checkpoint does not extend the one cosigned last, or the log did not sign it.
    """
    body = _read(file, BODY_LIMIT)
    folder = WitnessFolder(home)
    with folder.cosigning() as witness:
        answer = folder.judge(witness, body)
    said = answer.body.decode("utf-8", "replace").strip()
    if answer.status == HTTPStatus.CONFLICT:
        raise InputError(
            f"{file} does not start from the size that was cosigned last, {said}",
            remedy=f'Ask for a new request: "lading audit request-cosignature --old {said}". Should it start there, '
            "the log showed another root for that size: keep the file.",
        )
    if answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}:
        raise LogTampered(f"{file} is refused: {said}", remedy="Keep the file, and ask the log's operator.")
    if answer.status != HTTPStatus.OK:
        raise InputError(
            f"{file} is refused: {said}", remedy="Ask for a new request, or 'lading witness add-log' first."
        )
    note = body.partition(b"\n\n")[2]
    checkpoint, cosigned = read_checkpoint(note), note + answer.body
    if output is not None:
        write_atomic(output, cosigned)
    return {"origin": checkpoint.origin, "size": checkpoint.size, "checkpoint": cosigned.decode()}


def read_cosigned(file: Path) -> bytes:
    """Read the cosigned checkpoint that a witness sent back as a file.

    Raises:
        InputError: it is too large.
    """
    return _read(file, NOTE_LIMIT)


def _read(file: Path, limit: int) -> bytes:
    data = read_regular(file, limit + 1)
    if len(data) > limit:
        raise InputError(f"{file} has more than {limit} bytes", remedy="Name the file the other side sent.")
    return data
