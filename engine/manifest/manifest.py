"""The manifest: what one version of an artifact is, file by file; one canonical form, one digest, one root."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from engine.digest import JSON, canonical, parse_json, sha256
from engine.errors import InputError, ManifestError
from engine.manifest.fields import (
    Licence,
    Line,
    Moment,
    Name,
    Organization,
    Region,
    Regions,
    Scalar,
    Section,
    Version,
    first_fault,
)
from engine.manifest.parts import (
    Datasets,
    Dependencies,
    FileEntry,
    Lineage,
    Metrics,
    Reproducibility,
    Sensitivity,
)
from engine.manifest.paths import check_paths

MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024
MAX_FILES: Final = 100_000
"""More would not fit into `MAX_MANIFEST_BYTES`."""
MAX_MANIFEST_VALUES: Final = 1 << 20
"""The most lists, objects and commas: of `MAX_FILES` files there are 700,000."""

_ASK_ORIGIN: Final = "Ask the artifact's origin to pack and send it again."


def _one_folder(files: tuple[FileEntry, ...]) -> tuple[FileEntry, ...]:
    check_paths([file.path for file in files])
    return files


class Manifest(Section):
    """What an artifact is (`docs/formats/manifest.md`).

    INVARIANT: two manifests with the same meaning have the same canonical form, and so the same digest.

    Attributes:
        format: names this format.
        name: what people call the artifact.
        version: which version of it.
        organization: its origin, who packed and signed it.
        created: when it was packed.
        licence: SPDX expression; absent if nobody stated one.
        task: what the model does, such as `sentence-similarity`.
        architecture: its architecture's name, such as `BertModel`.
        sensitivity: who may see it.
        project: the project it belongs to.
        pool: the model pool it was admitted to.
        jurisdiction: whose law it is under, such as `DE`.
        export_class: its export control classification, such as `EAR99`.
        residency: the only regions where it may lie; empty for anywhere.
        files: every file, sorted by path.
        lineage: what it was made from.
        datasets: what it was trained and judged with.
        hyperparameters: how it was trained.
        dependencies: what it needs to run.
        metrics: what it is said to achieve.
        reproducibility: how far it can be made again.
    """

    format: Literal["lading/manifest/v1"] = "lading/manifest/v1"
    name: Name
    version: Version
    organization: Organization
    created: Moment
    licence: Licence | None = None
    task: Line | None = None
    architecture: Line | None = None
    sensitivity: Sensitivity = "internal"
    project: Name | None = None
    pool: Name | None = None
    jurisdiction: Region | None = None
    export_class: Line | None = None
    residency: Regions = ()
    files: Annotated[tuple[FileEntry, ...], Field(min_length=1, max_length=MAX_FILES), AfterValidator(_one_folder)]
    lineage: Lineage = ()
    datasets: Datasets = ()
    hyperparameters: dict[Line, Scalar] = Field(default_factory=dict)
    dependencies: Dependencies = ()
    metrics: Metrics = ()
    reproducibility: Reproducibility = Field(default_factory=Reproducibility)

    @model_validator(mode="after")
    def _expected_files(self) -> Self:
        strange = set(self.reproducibility.expected) - {file.path for file in self.files}
        if strange:
            raise ValueError(f"reproducibility.expected: {min(strange)!r} is not among the files")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form: names the description and the content."""
        return sha256(self.canonical())

    @property
    def root(self) -> str:
        """The root digest: names the content alone, whoever packed it and when."""
        return root_digest(self.files)

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    def to_json(self) -> dict[str, JSON]:
        """Return the manifest as JSON values; what is not set is absent, never null."""
        values: dict[str, JSON] = self.model_dump(mode="json", exclude_none=True)
        return values

    def canonical(self) -> bytes:
        """Return the manifest as canonical JSON (RFC 8785)."""
        return canonical(self.to_json())


def root_digest(files: Iterable[FileEntry]) -> str:
    """Return SHA-256 over the canonical JSON list of `{path, size, sha256, executable}`, sorted by path.

    Args:
        files: in any order.
    """
    ordered = sorted(files, key=lambda file: file.path)
    return sha256(canonical([file.model_dump(include={"path", "size", "sha256", "executable"}) for file in ordered]))


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest from outside: canonical bytes and nothing else.

    Raises:
        ManifestError: it is over 16 MiB or a million values, not canonical, or a field is missing, unknown or
            malformed.
    """
    try:
        parse_json(data, what="the manifest", limit=MAX_MANIFEST_BYTES, values=MAX_MANIFEST_VALUES)
        manifest = Manifest.model_validate_json(data)
    except InputError as error:
        raise ManifestError(str(error), remedy=_ASK_ORIGIN) from None
    except ValidationError as error:
        raise ManifestError(f"the manifest: {first_fault(error)}", remedy=_ASK_ORIGIN) from None
    if manifest.canonical() != data:
        raise ManifestError(
            "the manifest is not in its canonical form (RFC 8785): lists sorted, times in UTC, nothing null",
            remedy=_ASK_ORIGIN,
        )
    return manifest


def manifest_schema() -> dict[str, JSON]:
    """Return the JSON Schema (draft 2020-12) of manifests.

    It is necessary, not sufficient: that paths do not collide and lists are sorted, only `parse_manifest` knows.
    """
    head: dict[str, JSON] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:lading:manifest:v1",
    }
    return head | Manifest.model_json_schema()
