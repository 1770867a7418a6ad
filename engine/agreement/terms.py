"""What a consumer may do with what a provider hands over: typed terms, so that a machine can hold both to them."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.agreement.fields import Digest, Names, Prose, Regions, at_least_one, each_once

Sensitivity: TypeAlias = Literal["public", "internal", "confidential", "restricted"]
SENSITIVITIES: Final[tuple[Sensitivity, ...]] = ("public", "internal", "confidential", "restricted")
"""From the least to the most sensitive; the position is the rank that policies compare."""

# Canonical JSON writes a whole number without a point, and holds none beyond 2^53 - 1.
Measure = Annotated[FiniteFloat, Field(ge=-(2**53) + 1, le=2**53 - 1)]

Action: TypeAlias = Literal["view", "copy", "execute", "deploy", "derive"]


def _action_set(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    return tuple(sorted(each_once(actions)))


class Section(BaseModel):
    """A part of an agreement: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Benchmark(Section):
    """A measurement that an artifact must claim to have passed.

    Attributes:
        metric: the name the manifest uses for it, such as `accuracy`.
        dataset: what it is measured on.
        min: the lowest acceptable value, when higher is better.
        max: the highest acceptable value, when lower is better.
        tolerance: how far a value may miss the bound, in the metric's own unit.
    """

    metric: Prose
    dataset: Prose
    min: Measure | None = None
    max: Measure | None = None
    tolerance: Annotated[Measure, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.min is None) == (self.max is None):
            raise ValueError("expected either min or max, and not both")
        return self

    @property
    def bound(self) -> str:
        """The demand in words, such as `at least 0.9`."""
        direction, value = ("at least", self.min) if self.max is None else ("at most", self.max)
        return f"{direction} {value:g}" + (f" within {self.tolerance:g}" if self.tolerance else "")

    def met_by(self, value: float) -> bool:
        """Say whether a measured `value` satisfies the bound, tolerance included. NaN never does."""
        low = float("-inf") if self.min is None else self.min - self.tolerance
        high = float("inf") if self.max is None else self.max + self.tolerance
        return low <= value <= high


def _benchmark_set(benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
    each_once((each.metric, each.dataset) for each in benchmarks)
    return tuple(sorted(benchmarks, key=lambda each: (each.metric, each.dataset)))


Benchmarks = Annotated[tuple[Benchmark, ...], Field(max_length=256), AfterValidator(_benchmark_set)]


class Terms(Section):
    """What was agreed. Sets are kept sorted, so that their order on paper does not change the digest.

    Attributes:
        purposes: what the artifact may be used for; a transfer names one of them.
        actions: what the consumer may do with it.
        destinations: regions it may be taken to. Compared as written: `EU` does not contain `DE`.
        retention_days: how many days after delivery the consumer may keep it.
        deletion_duty: what is owed then: nothing, deletion, or deletion with a signed statement about it.
        max_sensitivity: the most sensitive artifact that may travel under this agreement.
        onward_transfer: whether the consumer may hand it to others.
        ownership: who owns what the consumer derives from it.
        liability: the liability clause in a sentence, if there is one.
        audit_rights: whether the provider may ask for the consumer's audit evidence.
        controls: protections the consumer promises, by name, such as `sealed-at-rest`.
        prose_sha256: digest of the contract in prose, if there is one.
    """

    purposes: Annotated[Names, AfterValidator(at_least_one)]
    actions: Annotated[tuple[Action, ...], AfterValidator(_action_set), AfterValidator(at_least_one)]
    destinations: Annotated[Regions, AfterValidator(at_least_one)]
    retention_days: Annotated[int, Field(ge=0, le=36_525)]
    deletion_duty: Literal["none", "delete", "attest"]
    max_sensitivity: Sensitivity
    onward_transfer: bool
    ownership: Literal["provider", "consumer", "joint"]
    liability: Prose | None = None
    audit_rights: bool
    controls: Names = ()
    prose_sha256: Digest | None = None

    @property
    def sensitivity_ceiling(self) -> int:
        """The rank of `max_sensitivity`: 0 is public, 3 is restricted."""
        return SENSITIVITIES.index(self.max_sensitivity)
