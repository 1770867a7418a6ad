"""What a manifest says about an artifact besides its files: where it comes from and what it is said to achieve."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.manifest.fields import Digest, Licence, Line, Path, Regions, Section, Size, in_order

Sensitivity = Literal["public", "internal", "confidential", "restricted"]
Role = Literal["weights", "config", "tokenizer", "code", "evaluation", "documentation", "data", "other"]


class FileEntry(Section):
    """One file.

    Attributes:
        path: relative to the artifact's folder (see `engine.manifest.paths`).
        size: in bytes.
        sha256: digest of the whole content.
        executable: whether its owner may execute it; the only permission that is kept.
        role: what it is for, guessed from its name.
        format: what its first bytes parse as, such as `safetensors`; `unknown` if as nothing known.
    """

    path: Path
    size: Size
    sha256: Digest
    executable: bool
    role: Role
    format: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


class Parent(Section):
    """An artifact this one was made from.

    Attributes:
        name: as people call it, such as `meta-llama/Llama-3.1-8B`.
        relation: how this one was made from it.
        root: its root digest, if it was packed by lading.
    """

    name: Line
    relation: Literal["finetune", "adapter", "merge", "quantized", "distilled", "converted", "derived"]
    root: Digest | None = None


class Dataset(Section):
    """Data the artifact was trained or judged with.

    Attributes:
        name: as the catalogue or its publisher calls it.
        role: what it was used for.
        version: which state of it.
        sha256: digest of it, if it has one.
        licence: SPDX expression.
        classification: who may see it.
        residency: where it may lie.
    """

    name: Line
    role: Literal["train", "validation", "test"] = "train"
    version: Line | None = None
    sha256: Digest | None = None
    licence: Licence | None = None
    classification: Sensitivity | None = None
    residency: Regions = ()


class Dependency(Section):
    """Software the artifact needs, as a package URL (`pkg:pypi/torch@2.13.0`)."""

    purl: Annotated[str, Field(pattern=r"^pkg:[a-z0-9.+-]+/[!-~]+$", max_length=1000)]


class Metric(Section):
    """A claim about how good the artifact is.

    Attributes:
        name: what was measured, such as `accuracy`.
        dataset: on what.
        value: the result.
        samples: how many examples it rests on.
        low: lower end of the 95% confidence interval.
        high: upper end of it.
        tolerance: how far a repetition may be off, in the unit of `value`.
    """

    name: Line
    dataset: Line
    value: float
    samples: Annotated[Size, Field(ge=1)] | None = None
    low: float | None = None
    high: float | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _interval(self) -> Self:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if not low <= self.value <= high:
            raise ValueError(f"expected low <= value <= high, found {low:g}, {self.value:g} and {high:g}")
        return self


class Reproducibility(Section):
    """How far the artifact can be made again, so that a receiver can try and attest the result.

    Attributes:
        claim: same bits, same numbers within tolerance, same statistics, or no claim.
        command: what to run.
        environment: SHA-256 of the environment's lock file or image.
        seed: the random seed.
        expected: paths of files in this artifact that hold the expected results.
    """

    claim: Literal["bitwise", "numeric", "statistical", "none"] = "none"
    command: Line | None = None
    environment: Digest | None = None
    seed: Size | None = None
    expected: Annotated[tuple[Path, ...], AfterValidator(in_order(str))] = ()

    @model_validator(mode="after")
    def _backed(self) -> Self:
        if self.claim != "none" and self.command is None:
            raise ValueError(f"expected a command that backs the claim {self.claim!r}, found none")
        return self


Lineage = Annotated[tuple[Parent, ...], AfterValidator(in_order(lambda each: (each.name, each.relation)))]
Datasets = Annotated[
    tuple[Dataset, ...], AfterValidator(in_order(lambda each: (each.name, each.role, each.version or "")))
]
Dependencies = Annotated[tuple[Dependency, ...], AfterValidator(in_order(lambda each: each.purl))]
Metrics = Annotated[tuple[Metric, ...], AfterValidator(in_order(lambda each: (each.name, each.dataset)))]
