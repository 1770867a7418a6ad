"""The grade of a bill: who else saw the two logs, by the pins and the witness policy of whoever verifies.

INVARIANT: no key of a party to the handoff makes its evidence look witnessed, under whatever name it is pinned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
        policy: the witness policy as it was written; None for any one third party.
    """

    pinned: Mapping[str, NoteKey]
    policy: WitnessPolicy | None

    @classmethod
    def of(cls, trust: TrustFolder) -> "Grading":
        """Read pins and witness policy of a folder of trust.

        Raises:
            InputError: one of them cannot be read.
        """
        pinned = {pin.name: NoteKey.parse(pin.vkey) for pin in trust.witnesses()}
        written = trust.witness_policy()
        return cls(pinned, None if written is None else policy_in_force(written, pinned))

    def third_parties(self, parties: Iterable[TrustDocument]) -> dict[str, NoteKey]:
        """Return the pinned witnesses that are none of these parties, by key and by name alike."""
        documents = tuple(parties)
        theirs = keys_of([vkey for each in documents for vkey in (*each.log_keys, *each.witness_keys)])
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
        mutual = _cosigned(logs[one], parties[other]) and _cosigned(logs[other], parties[one])
        return "bilateral" if mutual else "unilateral"


def keys_of(vkeys: Iterable[str]) -> list[NoteKey]:
    """Read verifier keys."""
    return [NoteKey.parse(vkey) for vkey in vkeys]


def _cosigned(log: ProvedLog, party: TrustDocument) -> bool:
    own = {key.public for key in keys_of(party.witness_keys)}
    return any(signed.key.public in own for signed in log.signed.cosigned)
