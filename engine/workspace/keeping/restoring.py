"""Reading a backup: checked member by member, and never written over anything.

Whatever the archive says is hostile. Members are regular files with plain relative names, each once; the manifest
at the end has to name exactly these, with their sizes and digests; nothing is executed, linked or overwritten.

INVARIANT: a folder appears under its name only when all of this held and the log in it verified. What was restored
may be behind what partners remember of the log, so it can be read and verified, and nothing can be appended to it;
`continue_restored` opens the next one.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from engine.audit.holds import holds_of
from engine.audit.reader import LogReader
from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import InputError, IntegrityError, LadingError, StoreError, UsageError
from engine.events import Clock, Event, system_clock
from engine.files import sync_folder, write_atomic
from engine.workspace.denials import describe_denial
from engine.workspace.governing.unrecorded import ask_to_govern
from engine.workspace.keeping.backup import FORMAT, KEYS, MANIFEST, PREFIX, Progress
from engine.workspace.keeping.keyring import LIMIT as KEYS_LIMIT
from engine.workspace.keeping.keyring import open_keys, put_back
from engine.workspace.layout import Layout
from engine.workspace.log.record import verify_log
from engine.workspace.log.unrecorded import keep_denial, kept_events
from engine.workspace.origins.continuing import continue_log
from engine.workspace.owner import owning
from engine.workspace.settings import load_settings

MANIFEST_LIMIT: Final = 64 << 20
_NAME_LIMIT: Final = 1024
_PART_LIMIT: Final = 255
_PIECE: Final = 1 << 20
_PART: Final = re.compile(r"[^/\\\x00-\x1f\x7f]{1,255}")
_SEALED: Final = "state/store/"

Digests = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """What a backup says of itself, and the keys in it, encrypted; None if it has none."""

    report: dict[str, Any]
    keys: bytes | None


def verify_backup(file: Path, progress: Progress = lambda _: None, identities: Path | None = None) -> dict[str, JSON]:
    """Verify a backup, every byte of it, and the log in it; nothing is left behind.

    Args:
        file: the backup.
        progress: told how much was read.
        identities: a file of age identities; with it, the keys are decrypted, too.

    Raises:
        IntegrityError: it is not what was written, or its log does not verify.
        InputError: it is no backup, or of a later release; or there is no identity in the file.
        UsageError: it has no keys, or they are encrypted to others.
    """
    with TemporaryDirectory(prefix="lading-backup-") as folder:
        unpacked = _unpack(file, Path(folder), lambda name: not name.startswith(_SEALED), progress)
        return {**unpacked.report, **_opened(file, unpacked, identities)[1]}


def restore_backup(
    file: Path, folder: Path, progress: Progress = lambda _: None, identities: Path | None = None
) -> dict[str, JSON]:
    """Restore a backup to a new folder.

    Args:
        file: the backup.
        folder: where to.
        progress: told how much was read.
        identities: a file of age identities; with it, the keys are put back, too.

    Raises:
        UsageError: the folder holds something; or as `verify_backup`.
        IntegrityError, InputError: as `verify_backup`; nothing was restored.
        StoreError: the disk is full.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UsageError(f"{folder} exists and is not an empty folder", remedy="Name a new folder.")
    scratch = folder.parent / f".{folder.name}.{secrets.token_hex(6)}.tmp"
    try:
        scratch.mkdir(mode=0o700, parents=True)
        unpacked = _unpack(file, scratch, lambda _: True, progress)
        keys, told = _opened(file, unpacked, identities)
        if keys:
            put_back(Layout(scratch).keys, keys)
        write_atomic(Layout(scratch).restored, canonical(unpacked.report["log"]), mode=0o600)
        for each in (scratch, *(path for path in scratch.rglob("*") if path.is_dir())):
            sync_folder(each)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror}", remedy="Look at the disk and its permissions."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {**unpacked.report, **told}


def continue_restored(
    home: Path, *, who: str, reason: str, new_key: bool = False, clock: Clock = system_clock
) -> dict[str, JSON]:
    """Let a restored workspace record again: in the log of the next origin, if policy lets somebody govern.

    The permit is recorded in the new log, right after its first entry. There is no log yet that a denial could stand
    in: it is kept, and recorded there before the permit. After a crash, calling it again finishes what was begun.

    Args:
        home: the restored workspace, its keys back in place.
        who: a name of this organization, or an identity.
        reason: why it was restored.
        new_key: whether the next log gets a key of its own.
        clock: the time.

    Returns:
        As `continue_log`, with the names of the holds of the former log, which do not cover the new one; or who denied
        it.

    Raises:
        UsageError: the workspace was not restored, or nothing is remembered of its log.
        OwnerBusy: somebody else is asking; also as `continue_log`.
        LadingError: as `continue_log`.
    """
    layout = Layout(home)
    settings = load_settings(layout.settings)
    if not layout.restored.exists() and not layout.opening.exists():
        raise UsageError(f"{home} was not restored from a backup", remedy="Its log goes on as it is.")
    identity = settings.identity_of(who)
    events: list[Event] = []
    if not layout.opening.exists():
        decision, events = ask_to_govern(home, identity, clock)
        if not decision.permitted:
            with owning(layout.lock):
                keep_denial(layout, events)
            return describe_denial(decision)
        events = [*kept_events(layout), *events]
    opened = continue_log(home, actor=identity, reason=reason, new_key=new_key, events=events, clock=clock)
    with LogReader(Path(str(opened["kept"]))) as former:
        held: list[JSON] = [hold.name for hold in holds_of(former)]
    return {**opened, "holds": held}


def _opened(file: Path, unpacked: _Unpacked, identities: Path | None) -> tuple[dict[str, bytes], dict[str, JSON]]:
    """Return the keys in a backup, as far as they can and should be decrypted, and what to tell of them."""
    if identities is None:
        return {}, {"keys_opened": False}
    if unpacked.keys is None:
        raise UsageError(f"{file} holds no keys", remedy="Leave --identity out, and put keys/ back by hand.")
    return open_keys(unpacked.keys, identities, what=str(file)), {"keys_opened": True}


def _unpack(file: Path, folder: Path, keep: Callable[[str], bool], progress: Progress) -> _Unpacked:
    """Unpack a backup into an empty folder, check all of it, and return what it says of itself."""
    found: Digests = {}
    keys: bytes | None = None
    manifest: Mapping[str, Any] | None = None
    try:
        with file.open("rb") as source, tarfile.open(fileobj=source, mode="r:") as archive:
            total = os.fstat(source.fileno()).st_size
            for member in archive:
                if manifest is not None:
                    raise _altered(file, f"{member.name[:80]!a} stands after {MANIFEST}")
                body = _body(file, archive, member)
                if member.name == MANIFEST:
                    manifest = _read_manifest(file, body, member.size)
                elif member.name == KEYS:
                    keys = _read_keys(file, body, member.size, keys)
                else:
                    name = _checked(file, member.name, found)
                    found[name] = _take(body, folder / name if keep(name) else None)
                progress({"step": "reading", "done": source.tell(), "total": total})
            source.seek(archive.offset)
            if any(any(piece) for piece in iter(lambda: source.read(_PIECE), b"")):
                raise _altered(file, "there is something after its end")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _altered(file, f"it is cut short, or no tar archive: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _altered(file, f"a member lies beneath another: {error.strerror}") from None
    if manifest is None:
        raise _altered(file, f"it has no {MANIFEST} at its end")
    _compare(file, manifest, found)
    _compare_keys(file, manifest, keys)
    return _Unpacked(_examined(file, folder, manifest, progress), keys)


def _body(file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    body = archive.extractfile(member) if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
    if body is None or member.issparse():
        raise _altered(file, f"{member.name[:80]!a} is no regular file")
    return body


def _checked(file: Path, member: str, found: Digests) -> str:
    """Return a member's place in the workspace, if it may have one."""
    name = member.removeprefix(PREFIX)
    parts = name.split("/")
    plain = all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
    short = len(os.fsencode(name)) <= _NAME_LIMIT and all(len(os.fsencode(part)) <= _PART_LIMIT for part in parts)
    if not member.startswith(PREFIX) or not short or not plain or parts[0] == "keys":
        raise _altered(file, f"it has the member {member[:80]!a}, expected files of a workspace, without keys")
    if name in found:
        raise _altered(file, f"{name[:80]!a} is in it twice")
    return name


def _take(body: IO[bytes], path: Path | None) -> tuple[int, str]:
    """Hash a member, and write it to a new file if it has a place; return its size and digest."""
    hasher, size = hashlib.sha256(), 0
    if path is None:
        while piece := body.read(_PIECE):
            hasher.update(piece)
            size += len(piece)
        return size, hasher.hexdigest()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as target:
        while piece := body.read(_PIECE):
            hasher.update(piece)
            size += len(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    return size, hasher.hexdigest()


def _read_manifest(file: Path, body: IO[bytes], size: int) -> Mapping[str, Any]:
    if size > MANIFEST_LIMIT:
        raise _altered(file, f"{MANIFEST} has {size} bytes, expected at most {MANIFEST_LIMIT}")
    data = body.read()
    manifest = parse_json(data, what=f"{MANIFEST} in {file}", limit=MANIFEST_LIMIT)
    if not isinstance(manifest, dict) or canonical(manifest) != data:
        raise _altered(file, f"{MANIFEST} is not canonical JSON of an object")
    if manifest.get("format") != FORMAT:
        raise InputError(
            f"{file} has the format {str(manifest.get('format'))[:80]!a}, expected {FORMAT}",
            remedy="Use the release of lading that wrote it.",
        )
    return manifest


def _compare(file: Path, manifest: Mapping[str, Any], found: Digests) -> None:
    try:
        named = {_text(each["path"]): (each["size"], each["sha256"]) for each in manifest["files"]}
    except (KeyError, TypeError):
        raise _altered(file, f"{MANIFEST} names its files otherwise than {FORMAT} does") from None
    for name in sorted(named.keys() | found.keys()):
        if named.get(name) != found.get(name):
            raise _altered(file, f"{name[:80]!a} is {found.get(name)}, {MANIFEST} says {named.get(name)}")


def _read_keys(file: Path, body: IO[bytes], size: int, before: bytes | None) -> bytes:
    if before is not None or size > KEYS_LIMIT:
        raise _altered(file, f"it has {KEYS} twice, or of {size} bytes, expected at most {KEYS_LIMIT}")
    return body.read()


def _compare_keys(file: Path, manifest: Mapping[str, Any], keys: bytes | None) -> None:
    """Hold the encrypted keys against the manifest; to whom they are encrypted is only its word."""
    said = manifest.get("keys")
    found = None if keys is None else {"size": len(keys), "sha256": sha256(keys)}
    named = {name: said.get(name) for name in ("size", "sha256")} if isinstance(said, dict) else said
    if named != found:
        raise _altered(file, f"{KEYS} is {found}, {MANIFEST} says {named!a}")
    if isinstance(said, dict):
        recipients = said.get("recipients")
        if not isinstance(recipients, list) or not all(isinstance(each, str) for each in recipients):
            raise _altered(file, f"{MANIFEST} names no recipients of {KEYS}")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _examined(file: Path, folder: Path, manifest: Mapping[str, Any], progress: Progress) -> dict[str, JSON]:
    """Verify the log that was unpacked, and compare it with what the manifest says."""
    layout = Layout(folder)
    try:
        organization = load_settings(layout.settings).organization.id
        layout.milestone.unlink(missing_ok=True)  # what a backup says was verified, was not verified here
        report: Any = verify_log(folder, progress)
    except LadingError as error:
        raise _altered(file, f"what is in it is no workspace: {error}") from None
    if not report["ok"]:
        problem = report["problems"][0]
        raise _altered(file, f"its log does not verify: {problem['where']}: {problem['message']}")
    log = {name: report[name] for name in ("origin", "size", "root")}
    if manifest.get("log") != log or manifest.get("organization") != organization:
        raise _altered(file, f"it holds the log {json.dumps(log)} of {organization}, {MANIFEST} says otherwise")
    return {
        "organization": organization,
        "created": manifest.get("created"),
        "log": log,
        "files": len(manifest["files"]),
        "store": manifest.get("store"),
        "recipients": manifest["keys"]["recipients"] if "keys" in manifest else [],
    }


def _altered(file: Path, why: str) -> IntegrityError:
    return IntegrityError(f"{file} is not a whole backup: {why}", remedy="Use another backup; nothing was restored.")
