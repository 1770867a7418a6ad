"""The grade of a bill: who else saw the two logs, by the pins and the witness policy of whoever verifies.

INVARIANT: no key of a party to the handoff makes its evidence look witnessed, under whatever name it is pinned; which
keys are whose, whoever pinned them decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.audit.note import Algorithm, NoteKey
from engine.audit.quorum import WitnessPolicy, counts_as_witnessed, policy_in_force
from engine.custody.logs import ProvedLog
from engine.signing.trust_document import TrustDocument
from engine.signing.trust_folder import TrustFolder


@dataclass(frozen=True, slots=True)
class Grading:
    """What counts as witnessed here.

    Attributes:
        pinned: the pinned third parties, by their names here.
        not_theirs: by organization, raw keys that its trust document lists and a pin says are not theirs.
        policy: the witness policy as it was written; None for any one third party.
    """

    pinned: Mapping[str, NoteKey]
    policy: WitnessPolicy | None
    not_theirs: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, trust: TrustFolder) -> "Grading":
        """Read pins and witness policy of a folder of trust.

        Raises:
            InputError: one of them cannot be read.
        """
        pins = trust.witnesses()
        pinned = {pin.name: NoteKey.parse(pin.vkey) for pin in pins}
        named = {organization for pin in pins for organization in pin.not_of}
        not_theirs = {org: frozenset(pin.public for pin in pins if org in pin.not_of) for org in named}
        written = trust.witness_policy()
        return cls(pinned, None if written is None else policy_in_force(written, pinned), not_theirs)

    def third_parties(self, parties: Iterable[TrustDocument]) -> dict[str, NoteKey]:
        """Return the pinned witnesses that are none of these parties, by key and by name alike."""
        documents = tuple(parties)
        theirs = [key for each in documents for key in self._keys(each, (*each.log_keys, *each.witness_keys))]
        known = {key.public for key in theirs} | {key.name for key in theirs}
        names = tuple(f"{each.organization}/" for each in documents)
        return {
            pin: key
            for pin, key in self.pinned.items()
            if key.algorithm is Algorithm.COSIGNATURE
            and not {key.public, key.name} & known
            and not key.name.startswith(names)
        }

    def known(self, parties: Iterable[TrustDocument]) -> list[NoteKey]:
        """Return the keys of whoever may have cosigned besides the parties: third parties, the policy's witnesses."""
        named = self.policy.witnesses if self.policy else {}
        return [*self.third_parties(parties).values(), *named.values()]

    def grade(self, logs: Mapping[str, ProvedLog], parties: Mapping[str, TrustDocument]) -> str:
        """Grade evidence by who cosigned.

        Args:
            logs: both logs, by organization, proved with the keys of `known`.
            parties: the pinned trust documents of both.

        Returns:
            `witnessed` if both checkpoints count as witnessed by the policy, `bilateral` if each party's witness
            cosigned the other's log, otherwise `unilateral`.
        """
        third = self.third_parties(parties.values())
        policy = self.policy or policy_in_force(None, third)
        if all(counts_as_witnessed(log.signed, policy, third) for log in logs.values()):
            return "witnessed"
        one, other = logs
        mutual = self._cosigned(logs[one], parties[other]) and self._cosigned(logs[other], parties[one])
        return "bilateral" if mutual else "unilateral"

    def witness_keys(self, party: TrustDocument) -> list[NoteKey]:
        """Return the keys of a party's witness, without those that its document lists and that are not theirs."""
        return self._keys(party, party.witness_keys)

    def _cosigned(self, log: ProvedLog, party: TrustDocument) -> bool:
        own = {key.public for key in self.witness_keys(party)}
        return any(signed.key.public in own for signed in log.signed.cosigned)

    def _keys(self, party: TrustDocument, vkeys: Iterable[str]) -> list[NoteKey]:
        """Read keys that a party's document lists, without those that are not theirs."""
        others = self.not_theirs.get(party.organization, frozenset())
        return [key for key in keys_of(vkeys) if key.public not in others]


def keys_of(vkeys: Iterable[str]) -> list[NoteKey]:
    """Read verifier keys."""
    return [NoteKey.parse(vkey) for vkey in vkeys]
