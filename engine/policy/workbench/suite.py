"""Test suites of policies, in YAML: requests, the answers they must get, and the policies that must give them.

    suite: transfers
    now: 2026-06-01T12:00:00Z
    entities: fixtures/world.json
    defaults:
      request: {principal: "User::ada@acme.example", action: send, resource: "Artifact::sentiment"}
      context: {purpose: evaluation}
    cases:
      - name: an agreement that ended binds nobody
        with: {context.now: 2027-01-01T00:00:00Z}
        expect: deny
        because: [deny-agreement-window]
    thresholds: {policies: 100}

`with` changes values by their path: `context.…`, or an attribute of the `principal` or the `resource`; null takes
a value away. `context.now` sets the clock. A denial must say why: the ids of all determining policies,
`no-permit`, or the name of a failsafe. `thresholds.policies` is the percentage of all policies that must determine
an answer in some case of the suites that run together.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, TypeAdapter, ValidationError, model_validator

from engine.digest import JSON
from engine.errors import InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.documents import Section, read_document
from engine.policy.engine import PolicyEngine
from engine.policy.model import Decision, Entity, EntityUid, Request
from engine.policy.requests import load_entities

_REMEDY: Final = "Mend the place it names; samples/suite.yaml explains every field."
_MOMENT: Final = TypeAdapter(AwareDatetime)


def _uid(text: str) -> str:
    type_, separator, id_ = text.partition("::")
    if not (type_ and separator and id_):
        raise ValueError("expected TYPE::ID, such as User::ada@acme.example")
    return text


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("expected a file below the folder of the suite")
    return text


Uid = Annotated[str, AfterValidator(_uid)]


class _Asked(Section):
    principal: Uid | None = None
    action: str | None = None
    resource: Uid | None = None


class Case(Section):
    """One request and the answer it must get.

    Attributes:
        name: the sentence that reports show.
        request: what differs from the suite's default request.
        changes: values to change, by path (`with` in the file).
        expect: the answer.
        because: what must decide; required where the answer is a denial.
    """

    name: str = Field(min_length=1)
    request: _Asked = _Asked()
    changes: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    expect: Literal["permit", "deny"]
    because: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.expect == "deny" and not self.because:
            raise ValueError(f"{self.name!r} expects a denial, expected under 'because' what denies")
        return self


class _Defaults(Section):
    request: _Asked = _Asked()
    context: dict[str, JsonValue] = Field(default_factory=dict)


class _Thresholds(Section):
    policies: Annotated[int, Field(ge=0, le=100)] = 0


class _File(Section):
    suite: str = Field(min_length=1)
    now: AwareDatetime
    entities: Annotated[str, AfterValidator(_inside)]
    defaults: _Defaults = _Defaults()
    cases: tuple[Case, ...] = Field(min_length=1)
    thresholds: _Thresholds = _Thresholds()


_FILE: Final = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case came out.

    Attributes:
        suite: the suite's name.
        case: the case.
        decision: what the engine decided.
    """

    suite: str
    case: Case
    decision: Decision

    @property
    def passed(self) -> bool:
        """True when the answer is the expected one, for exactly the expected reasons."""
        reasons_agree = not self.case.because or set(self.case.because) == set(self.decision.because)
        return self.decision.decision.value == self.case.expect and reasons_agree

    @property
    def message(self) -> str:
        """What was expected and what was found, in one line."""
        expected = f"{self.case.expect} because {', '.join(self.case.because) or 'of any permit'}"
        found = f"{self.decision.decision.value} because {', '.join(self.decision.because)}"
        return f"{self.suite}: {self.case.name}: expected {expected}, found {found}"


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that share a world.

    Attributes:
        name: the suite's name.
        entities: the world.
        threshold: percentage of all policies that must determine an answer somewhere.
    """

    name: str
    entities: Mapping[EntityUid, Entity]
    threshold: int
    file: _File

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a suite and the entities it names.

        Raises:
            InputError: a file is missing, too large, not what it should be, or a denial without a reason.
        """
        file = read_document(path, _FILE, remedy=_REMEDY)
        world = {entity.uid: entity for entity in load_entities(path.parent / file.entities)}
        return cls(file.suite, world, file.thresholds.policies, file)

    def run(self, bundle: PolicyBundle) -> Iterator[Outcome]:
        """Decide every case.

        Raises:
            InputError: a case asks for nobody or nothing, or changes a value that is not there.
        """
        engine = PolicyEngine(bundle)
        for case in self.file.cases:
            request, entities, now = self._arranged(case)
            yield Outcome(self.name, case, engine.decide(request, entities.values(), now))

    def _arranged(self, case: Case) -> tuple[Request, dict[EntityUid, Entity], datetime]:
        asked = self.file.defaults.request.model_dump() | case.request.model_dump(exclude_none=True)
        missing = [field for field, value in asked.items() if value is None]
        if missing:
            raise self._unfit(case, f"names no {', '.join(missing)}")
        principal, resource = _read_uid(asked["principal"]), _read_uid(asked["resource"])
        context: dict[str, JSON] = deepcopy(dict(self.file.defaults.context))
        entities, now = dict(self.entities), self.file.now
        for path, value in case.changes.items():
            root, *names = path.split(".")
            if path == "context.now":
                now = self._moment(case, value)
            elif root == "context" and names:
                self._change(case, context, names, value)
            elif root in {"principal", "resource"} and names:
                uid = principal if root == "principal" else resource
                if uid not in entities:
                    raise self._unfit(case, f"changes {path}, but nothing is known about {uid}")
                attributes = deepcopy(dict(entities[uid].attributes))
                self._change(case, attributes, names, value)
                entities[uid] = replace(entities[uid], attributes=attributes)
            else:
                raise self._unfit(case, f"changes {path}, expected a path in context, principal or resource")
        return Request(principal, asked["action"], resource, context), entities, now

    def _moment(self, case: Case, value: JsonValue) -> datetime:
        try:
            return _MOMENT.validate_python(value)
        except ValidationError:
            raise self._unfit(case, f"sets context.now to {value!r}, expected a time with a time zone") from None

    def _change(self, case: Case, values: dict[str, JSON], names: Sequence[str], value: JsonValue) -> None:
        *outer, last = names
        for name in outer:
            inner = values.get(name)
            if not isinstance(inner, dict):
                raise self._unfit(case, f"changes {'.'.join(names)}, but there is no record {name}")
            values = inner
        if value is None:
            values.pop(last, None)
        else:
            values[last] = value

    def _unfit(self, case: Case, why: str) -> InputError:
        return InputError(f"suite {self.name}: the case {case.name!r} {why}", remedy=_REMEDY)


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """How suites came out together.

    Attributes:
        outcomes: every case, in order.
        coverage: percentage of the bundle's policies that determined an answer, rounded down.
        unused: ids of the policies that determined none.
        threshold: the coverage that was demanded.
    """

    outcomes: tuple[Outcome, ...]
    coverage: int
    unused: tuple[str, ...]
    threshold: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong, a line each."""
        wrong = tuple(outcome.message for outcome in self.outcomes if not outcome.passed)
        if self.coverage >= self.threshold:
            return wrong
        unused = ", ".join(self.unused)
        return (
            *wrong,
            f"{self.coverage}% of the policies decide a case, expected {self.threshold}%: not {unused}",
        )

    @property
    def passed(self) -> bool:
        """True when nothing went wrong."""
        return not self.failures


def load_suites(folder: Path) -> tuple[Suite, ...]:
    """Read every `*.yaml` of a folder, by name.

    Raises:
        InputError: as `Suite.load`.
    """
    return tuple(Suite.load(path) for path in sorted(folder.glob("*.yaml")))


def run_suites(bundle: PolicyBundle, suites: Sequence[Suite]) -> SuiteReport:
    """Run suites on one bundle, and count the policies that any of their cases turned on.

    Raises:
        InputError: as `Suite.run`.
    """
    outcomes = tuple(outcome for suite in suites for outcome in suite.run(bundle))
    determining = {id_ for outcome in outcomes for id_ in outcome.decision.reasons}
    unused = tuple(id_ for id_ in bundle.policies if id_ not in determining)
    coverage = 100 * (len(bundle.policies) - len(unused)) // len(bundle.policies)
    return SuiteReport(outcomes, coverage, unused, max((suite.threshold for suite in suites), default=0))


def _read_uid(text: str) -> EntityUid:
    type_, _, id_ = text.partition("::")
    return EntityUid(type_, id_)
