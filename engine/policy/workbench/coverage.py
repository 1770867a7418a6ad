"""Coverage: which conditions the cases of the suites have seen both true and false.

That a policy decided some case says little: of `a && b` nobody may ever have seen `b` false. A condition counts as
covered when, among the cases that ask for one of its policy's actions, it was true in one and false in another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.policy.bundle import PolicyBundle
from engine.policy.question import Question, prepare
from engine.policy.workbench.certain import certain_atoms
from engine.policy.workbench.suite import Outcome, percent

_ANSWERED: Final = frozenset({"Allow", "Deny"})


@dataclass(frozen=True, slots=True)
class Missing:
    """A condition that the cases have not seen both ways.

    Attributes:
        id: the atom's id.
        policy: its policy.
        text: the condition as Cedar text.
        values: which of true and false no case has seen.
    """

    id: str
    policy: str
    text: str
    values: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Certain:
    """A condition that the schema decides: not counted.

    Attributes:
        id: the atom's id.
        policy: its policy.
        text: the condition as Cedar text.
        value: what it always is.
    """

    id: str
    policy: str
    text: str
    value: bool

    @property
    def reason(self) -> str:
        """Why no case can cover it."""
        return f"the schema lets it be nothing but {str(self.value).lower()}"


@dataclass(frozen=True, slots=True)
class AtomCoverage:
    """How much of the conditions the cases cover.

    Attributes:
        counted: how many conditions a request can make both true and false.
        missing: those of them that are not covered.
        certain: the conditions that are not counted.
    """

    counted: int
    missing: tuple[Missing, ...]
    certain: tuple[Certain, ...]

    @property
    def percent(self) -> int:
        """Covered conditions in percent, rounded down."""
        return percent(self.counted - len(self.missing), self.counted)


def questions(bundle: PolicyBundle, outcomes: Iterable[Outcome]) -> Iterator[tuple[Outcome, Question]]:
    """Yield the cases that Cedar answered, each made ready to be asked once more."""
    for outcome in outcomes:
        if outcome.decision.raw in _ANSWERED:
            asked = outcome.situation
            yield outcome, prepare(bundle, asked.request, asked.entities.values(), asked.now)


def atom_coverage(bundle: PolicyBundle, asked: Iterable[Question]) -> AtomCoverage:
    """Look which conditions some questions make true and false, with one more call to Cedar each."""
    seen: dict[str, set[bool | None]] = {}
    for question in asked:
        for id_, value in question.explanation(question.slice.policies).truth.items():
            seen.setdefault(id_, set()).add(value)
    certain = certain_atoms(bundle.policies.values(), bundle.schema)
    atoms = [atom for policy in bundle.policies.values() for atom in policy.atoms]
    open_ = [atom for atom in atoms if atom.id not in certain]
    missing = [
        Missing(atom.id, atom.policy, atom.text, never)
        for atom in open_
        if (never := tuple(value for value in (True, False) if value not in seen.get(atom.id, ())))
    ]
    fixed = [Certain(atom.id, atom.policy, atom.text, certain[atom.id]) for atom in atoms if atom.id in certain]
    return AtomCoverage(len(open_), tuple(missing), tuple(fixed))
