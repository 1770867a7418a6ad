"""The folder of a witness that is nobody's partner: a key, the logs it witnesses, and what it cosigned.

    witness.toml       its name, and the pinned verifier key of each log
    keys/witness.pem   0600
    state/witness.json what was cosigned last for each origin
    state/seen.jsonl   the same checkpoints and those before, each once, as its log signed it
    state/witness.lock held by the one process that cosigns
    forks/<id>.json    two checkpoints in which a log contradicted itself

It needs no workspace, no partners and no policy: what a witness promises is that it never cosigns two histories.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.audit.checkpoint import read_checkpoint
from engine.audit.fork import find_fork
from engine.audit.note import Algorithm, NoteKey, NoteSigner, known_part
from engine.audit.remembered import Remembered
from engine.audit.witness import Answer, Witness
from engine.errors import InputError, OwnerBusy, UsageError, WorkspaceError
from engine.events import Clock, system_clock
from engine.files import read_regular, write_atomic, write_secret
from engine.workspace.keys import signing_key
from engine.workspace.owner import owning
from engine.workspace.witness.found import FoundForks

LIMIT: Final = 1 << 20
"""The most bytes of `witness.toml`."""

MOST_SEEN: Final = 20_000
"""How many checkpoints of one log are kept at least: a week, if it changes every half minute. Beyond twice as many, the
oldest go: what was cosigned of them their log's partners hold, and no log may fill the disk that all logs share."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9./-]{0,198}[a-z0-9]")


class WitnessFolder:
    """Reads and writes one witness's folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._seen = Remembered(home / "state" / "seen.jsonl")
        self._forks = FoundForks(home / "forks")

    @classmethod
    def create(cls, home: Path, name: str) -> "WitnessFolder":
        """Make a witness with a new key.

        Args:
            home: the folder; it may be there, but not hold a witness.
            name: of the witness, as it stands in cosignatures: schema-less URL, such as `witness.example/w1`.

        Raises:
            UsageError: the name is malformed, or a witness is there already.
        """
        folder = cls(home)
        if _NAME.fullmatch(name) is None:
            raise UsageError(
                f"a witness cannot be called {name!a}",
                remedy="Name it like an address without https://, such as witness.example or witness.example/w1.",
            )
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (home / "state").mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_secret(home / "keys" / "witness.pem", pem)
        except FileExistsError:
            raise UsageError(
                f"{home} holds a witness already", remedy="Use it, or choose another folder: keys are never remade."
            ) from None
        folder._write(name, [])
        return folder

    @property
    def key(self) -> NoteKey:
        """The witness's verifier key, which others pin."""
        return self._signer().key

    def logs(self) -> tuple[NoteKey, ...]:
        """Return the pinned keys of the logs that are witnessed, sorted by origin."""
        return self._read()[1]

    def add_log(self, vkey: str) -> tuple[NoteKey, bool]:
        """Witness a log from now on, also while the service runs; return its key, and whether that is new.

        Raises:
            InputError: it is no log's verifier key, or another key is pinned for its origin.
        """
        key = _log_key(vkey)
        name, logs = self._read()
        for known in logs:
            if known == key:
                return key, False
            if known.name == key.name:
                raise InputError(
                    f"another key is pinned for {key.name}: {known.vkey}",
                    remedy="A log whose key changed opens a new origin. Compare the keys with its operator.",
                )
        self._write(name, [*logs, key])
        return key, True

    @contextmanager
    def cosigning(self, clock: Clock = system_clock) -> Iterator[Witness]:
        """Be the one process that cosigns, inside the `with` block.

        Raises:
            OwnerBusy: another process is.
            LogTampered: the state is damaged.
        """
        try:
            with owning(self.home / "state" / "witness.lock"):
                yield self._witness(clock)
        except OwnerBusy:
            raise OwnerBusy(
                f"another process cosigns with the witness in {self.home}",
                remedy="Stop 'lading witness serve' first, or send the checkpoint to it.",
            ) from None

    def judge(self, witness: Witness, body: bytes) -> Answer:
        """Answer a request as the witness does, and keep what contradicts a checkpoint that it still has.

        Args:
            witness: of this folder (`cosigning`).
            body: of `add-checkpoint`.
        """
        answer = witness.add_checkpoint(body)
        note = body.partition(b"\n\n")[2]
        if answer.status == HTTPStatus.OK:
            self._seen.thin(read_checkpoint(note).origin, MOST_SEEN)
        if answer.status == HTTPStatus.CONFLICT:  # the witness verified the log's signature before it compared
            shown = read_checkpoint(note)
            known, key = self._seen.of_size(shown.origin, shown.size), self._key_of(shown.origin)
            fork = find_fork([known], known_part(note, [key])) if known and key else None
            if fork is not None:
                self._forks.keep(fork)
        return answer

    def forks(self) -> tuple[Path, ...]:
        """Return the files of the forks that were found, sorted."""
        return self._forks.files()

    def cosigned(self) -> dict[str, int]:
        """Return the size cosigned last for each log that is witnessed, 0 for none; works beside the service."""
        witness = self._witness(system_clock)
        last = {key.name: witness.last(key.name) for key in self.logs()}
        return {origin: checkpoint.size if checkpoint else 0 for origin, checkpoint in last.items()}

    def _witness(self, clock: Clock) -> Witness:
        return Witness(self.home / "state" / "witness.json", self._signer(), self._key_of, clock, self._seen)

    def _key_of(self, origin: str) -> NoteKey | None:
        return next((key for key in self.logs() if key.name == origin), None)

    def _signer(self) -> NoteSigner:
        return NoteSigner(self._read()[0], signing_key(self.home / "keys", "witness"), Algorithm.COSIGNATURE)

    def _read(self) -> tuple[str, tuple[NoteKey, ...]]:
        path = self.home / "witness.toml"
        try:
            data = read_regular(path, LIMIT + 1)
            if len(data) > LIMIT:
                raise ValueError(f"it has more than {LIMIT} bytes")  # noqa: TRY301
            raw: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
            name, logs = raw.pop("name"), raw.pop("logs")
            if raw or not isinstance(name, str) or not isinstance(logs, list):
                raise ValueError("expected a 'name' and a list 'logs', and nothing else")  # noqa: TRY301
            return name, tuple(sorted((_log_key(str(vkey)) for vkey in logs), key=lambda key: key.name))
        except FileNotFoundError:
            raise WorkspaceError(
                f"{self.home} holds no witness: it has no {path.name}",
                remedy="Make one with 'lading -C FOLDER witness init NAME'.",
            ) from None
        except KeyError as error:
            raise WorkspaceError(f"{path} lacks {error}", remedy="Mend it: it needs 'name' and 'logs'.") from None
        except (OSError, ValueError, InputError) as error:
            raise WorkspaceError(f"{path} cannot be read: {error}", remedy="Mend the line it names.") from None

    def _write(self, name: str, logs: list[NoteKey]) -> None:
        lines = [f"    {json.dumps(key.vkey)}," for key in sorted(logs, key=lambda key: key.name)]
        text = [
            "# A witness. Its logs are pinned by verifier key: compare each with the log's operator.",
            f"name = {json.dumps(name)}",
            "logs = [",
            *lines,
            "]",
        ]
        write_atomic(self.home / "witness.toml", ("\n".join(text) + "\n").encode())


def _log_key(vkey: str) -> NoteKey:
    key = NoteKey.parse(vkey)
    if key.algorithm is not Algorithm.ED25519:
        raise InputError(
            f"{key.name} is the key of a witness, expected one of a log",
            remedy='Ask whoever runs the log for "lading audit key", and take the line "log".',
        )
    return key
