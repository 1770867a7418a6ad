"""Witness policies (C2SP tlog-policy): which witnesses must have cosigned before a checkpoint counts as witnessed.

    log acme.example/lading/audit/0+cab6885d+AQOh…
    witness archive witness.example+17ad2f6a+BCms…  https://witness.example:8444
    witness notary notary.example+8d5e5b0c+BAbl…
    group both all archive notary
    quorum both

Lines end with a newline; words are separated by spaces and tabs; empty lines and lines that begin with `#` are passed
over. A group or the quorum names what stands above it, and each name is a member once, so no witness counts twice.

INVARIANT: whatever cannot be read is refused whole; no part of a broken policy counts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.audit.checkpoint import SignedCheckpoint
from engine.audit.note import Algorithm, NoteKey
from engine.errors import InputError

LIMIT: Final = 256 << 10
"""The most bytes of a policy."""

MOST: Final = 256
"""The most logs, witnesses and groups, each."""

NONE: Final = "none"

_WORDS: Final = re.compile(r"[^ \t]+")
_DECIMAL: Final = re.compile(r"[1-9][0-9]{0,3}")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Group:
    """Holds when at least `threshold` of its members do. Members are names of witnesses and groups."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A policy that was read.

    Attributes:
        logs: the keys of the logs it is for; empty if it is for any.
        witnesses: the witnesses by name.
        groups: the groups by name; each refers to earlier ones only.
        quorum: the name of the witness or group that must hold, or `none`.
        urls: the submission prefixes of witnesses, where they are given.
    """

    logs: tuple[NoteKey, ...]
    witnesses: Mapping[str, NoteKey]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether any cosignature is demanded at all."""
        return self.quorum != NONE

    def holds(self, cosigners: Iterable[NoteKey]) -> bool:
        """Say whether these keys, whose cosignatures of one checkpoint verify, reach the quorum.

        A policy that demands nothing is reached by nobody's cosignature: ask `required` first.
        """
        public = {key.public for key in cosigners if key.algorithm is Algorithm.COSIGNATURE}
        holding = {name for name, key in self.witnesses.items() if key.public in public}
        for name, group in self.groups.items():
            if sum(member in holding for member in group.members) >= group.threshold:
                holding.add(name)
        return self.quorum == NONE or self.quorum in holding

    def accepts(self, signed: SignedCheckpoint) -> bool:
        """Say whether a verified checkpoint is of a log this policy is for, and reaches its quorum.

        Args:
            signed: verified with the keys of its log and of this policy's witnesses.
        """
        listed = not self.logs or signed.checkpoint.origin in {key.name for key in self.logs}
        return listed and self.holds(one.key for one in signed.cosigned)

    def needed(self) -> tuple[str, ...]:
        """Return the names of witnesses without which the quorum cannot hold, in the order of the policy."""
        everybody = frozenset(self.witnesses)
        return tuple(
            name
            for name in self.witnesses
            if self.required and not self.holds(self.witnesses[other] for other in everybody - {name})
        )


def parse_policy(data: bytes, *, what: str = "the witness policy") -> WitnessPolicy:
    """Read a policy.

    Args:
        data: the file.
        what: names it in messages.

    Raises:
        InputError: a line is not what it should be; the message names it by number.
    """
    if len(data) > LIMIT:
        raise _broken(what, f"has {len(data)} bytes, at most {LIMIT} make sense")
    if data and not data.endswith(b"\n"):
        raise _broken(what, "does not end with a newline: it may have been cut short")
    # Octets above 127 mean nothing to the format (C2SP tlog-policy, "Character set"): one character stands for each.
    reader = _Reader(what)
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        reader.read(number, line)
    return reader.policy()


def default_policy(witnesses: Mapping[str, NoteKey]) -> WitnessPolicy:
    """Return the policy of whoever wrote none: any one of the pinned third parties; nobody if there is none."""
    groups = {"any-third-party": Group(1, tuple(witnesses))} if witnesses else {}
    return WitnessPolicy((), dict(witnesses), groups, next(iter(groups), NONE))


def policy_in_force(written: bytes | None, third_parties: Mapping[str, NoteKey]) -> WitnessPolicy:
    """Return the policy that was written, or the default one over the pinned third parties.

    Args:
        written: `trust/witness-policy` (`TrustFolder.witness_policy`), None if there is none.
        third_parties: the pinned third parties by name (`TrustFolder.witnesses`).

    Raises:
        InputError: what was written cannot be read.
    """
    return default_policy(third_parties) if written is None else parse_policy(written, what="trust/witness-policy")


def counts_as_witnessed(signed: SignedCheckpoint, policy: WitnessPolicy, third_parties: Mapping[str, NoteKey]) -> bool:
    """Say whether a verified checkpoint is witnessed: the quorum holds, and a third party is among its cosigners.

    Args:
        signed: verified with the keys of its log, of the policy's witnesses and of the third parties.
        policy: the witness policy.
        third_parties: the pinned third parties by name (`TrustFolder.witnesses`).
    """
    cosigners = {one.key.public for one in signed.cosigned}
    independent = any(key.public in cosigners for key in third_parties.values())
    return policy.required and independent and policy.accepts(signed)


class _Reader:
    """Takes one line after the other."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._line = 0
        self._logs: list[NoteKey] = []
        self._witnesses: dict[str, NoteKey] = {}
        self._urls: dict[str, str] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum: str | None = None

    def read(self, number: int, line: str) -> None:
        self._line = number
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise self._wrong("it holds control characters")
        words = _WORDS.findall(line)
        match words:
            case []:
                return
            case [first, *_] if first.startswith("#"):
                return
            case ["log", vkey, *url] if len(url) <= 1:
                self._add_log(vkey)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._add_witness(name, vkey, *url)
            case ["group", name, threshold, *members] if members:
                self._add_group(name, threshold, members)
            case ["quorum", name]:
                self._set_quorum(name)
            case _:
                raise self._wrong(
                    f"it reads {_shown(line)}, expected 'log VKEY [URL]', 'witness NAME VKEY [URL]', "
                    "'group NAME K|any|all MEMBER…' or 'quorum NAME'"
                )

    def policy(self) -> WitnessPolicy:
        if self._quorum is None:
            raise _broken(self._what, "has no quorum line")
        return WitnessPolicy(tuple(self._logs), self._witnesses, self._groups, self._quorum, self._urls)

    def _add_log(self, vkey: str) -> None:
        key = self._key(vkey, Algorithm.ED25519, "a log")
        if len(self._logs) == MOST:
            raise self._wrong(f"there are more than {MOST} logs")
        if any(known.public == key.public for known in self._logs):
            raise self._wrong(f"the key of {key.name} is listed before")
        self._logs.append(key)

    def _add_witness(self, name: str, vkey: str, url: str = "") -> None:
        self._new(name, self._witnesses)
        key = self._key(vkey, Algorithm.COSIGNATURE, "a witness")
        same = [other for other, known in self._witnesses.items() if known.public == key.public]
        if same:
            raise self._wrong(f"the key of {_shown(name)} is that of {_shown(same[0])}")
        self._witnesses[name] = key
        if url:
            self._urls[name] = url

    def _add_group(self, name: str, threshold: str, members: list[str]) -> None:
        self._new(name, self._groups)
        for member in members:
            self._defined(member)
            if member in self._members:
                raise self._wrong(f"{_shown(member)} is a member before; each name may be one once")
            self._members.add(member)
        self._groups[name] = Group(self._threshold(threshold, len(members)), tuple(members))

    def _threshold(self, text: str, count: int) -> int:
        if text in {"any", "all"}:
            return 1 if text == "any" else count
        if _DECIMAL.fullmatch(text) is None or int(text) > count:
            raise self._wrong(f"the threshold is {_shown(text)}, expected 'any', 'all' or a number from 1 to {count}")
        return int(text)

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise self._wrong("there is a quorum line before")
        if name != NONE:
            self._defined(name)
        self._quorum = name

    def _new(self, name: str, among: Mapping[str, object]) -> None:
        if name == NONE:
            raise self._wrong(f"{NONE!r} means nobody, and names nothing")
        if name in self._witnesses or name in self._groups:
            raise self._wrong(f"{_shown(name)} is defined before")
        if len(among) == MOST:
            raise self._wrong(f"there are more than {MOST} of these lines")

    def _defined(self, name: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise self._wrong(f"{_shown(name)} is not defined on a line above")

    def _key(self, vkey: str, algorithm: Algorithm, whose: str) -> NoteKey:
        try:
            key = NoteKey.parse(vkey.encode("latin-1").decode("utf-8"))
        except (InputError, UnicodeDecodeError) as error:
            raise self._wrong(str(error)) from None
        if key.algorithm is not algorithm:
            raise self._wrong(f"the key of {key.name!a} is not one of {whose}")
        return key

    def _wrong(self, why: str) -> InputError:
        return _broken(f"{self._what}, line {self._line}", f"cannot be read: {why}")


def _shown(text: str) -> str:
    return ascii(text[:_SHOWN])


def _broken(where: str, why: str) -> InputError:
    return InputError(f"{where} {why}", remedy="Mend the line; c2sp.org/tlog-policy describes the format.")
