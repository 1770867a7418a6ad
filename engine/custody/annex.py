"""The annex of one party: what replays its decisions, byte for byte.

    {"bundles": {<digest>: {<path>: <text>}}, "format": "lading/annex/v1", "openings": {<index>: {"payload", "salt"}},
     "organization": …, "slices": {<digest>: <text>}, "transfer": …}

A record of a decision names its policies and its entities by their digests; here they are under these names, so an
annex adds nothing that could be another truth. It may open entries of the log that the bill itself leaves closed:
who may read the annex may see them.

Format: `docs/formats/bill.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.custody.bill import Opening
from engine.custody.statements import Digest, Organization, TransferId
from engine.digest import canonical, parse_canonical, sha256
from engine.errors import InputError, IntegrityError
from engine.manifest.paths import check_path, check_paths
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.recorded import RecordedDecision
from engine.policy.rollout.snapshot import MAX_FILES, Snapshot

ANNEX_LIMIT: Final = 64 << 20
"""The largest annex in bytes."""

_DECIDES: Final = (".cedar", ".cedarschema")


class _AnnexFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["lading/annex/v1"] = "lading/annex/v1"
    organization: Organization
    transfer: TransferId
    bundles: Annotated[dict[Digest, dict[str, str]], Field(max_length=1000)]
    slices: Annotated[dict[Digest, str], Field(max_length=10_000)]
    openings: Annotated[
        dict[Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,15})$")], Opening], Field(max_length=10_000)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annex:
    """What replays one party's decisions about one transfer.

    Attributes:
        organization: whose decisions.
        transfer: about which transfer.
        bundles: files that decide by path, by the digest of the bundle.
        slices: canonical JSON of entities, by its digest.
        openings: of entries of this party's log, by index.
    """

    organization: str
    transfer: str
    bundles: Mapping[str, Mapping[str, str]]
    slices: Mapping[str, str]
    openings: Mapping[int, Opening]

    def encode(self) -> bytes:
        """Return the annex as canonical JSON; the same annex has the same bytes."""
        openings = {str(index): each.model_dump() for index, each in self.openings.items()}
        return canonical(
            {
                "format": "lading/annex/v1",
                "organization": self.organization,
                "transfer": self.transfer,
                "bundles": {digest: dict(files) for digest, files in self.bundles.items()},
                "slices": dict(self.slices),
                "openings": openings,
            }
        )

    @classmethod
    def parse(cls, data: bytes, *, organization: str, transfer: str) -> Self:
        """Read an annex that a stranger wrote.

        Raises:
            IntegrityError: it is not one, is somebody else's, or what stands under a digest is something else.
        """
        try:
            file = _AnnexFile.model_validate(parse_canonical(data, what="the annex", limit=ANNEX_LIMIT))
            for digest, files in file.bundles.items():
                _check_files(digest, files)
        except (InputError, ValidationError, ValueError) as error:
            raise _unfit(organization, str(error)) from None
        if (file.organization, file.transfer) != (organization, transfer):
            raise _unfit(organization, f"it is of {file.organization}, about {file.transfer}")
        for digest, text in file.slices.items():
            if sha256(text.encode()) != digest:
                raise _unfit(organization, f"the entities under {digest[:16]} are others")
        return cls(
            organization=organization,
            transfer=transfer,
            bundles=file.bundles,
            slices=file.slices,
            openings={int(index): each for index, each in file.openings.items()},
        )

    def engine(self, digest: str) -> PolicyEngine | None:
        """Compile a bundle; None if the annex does not have it.

        Raises:
            PolicyError: it does not compile.
        """
        files = self.bundles.get(digest)
        if files is None:
            return None
        with Snapshot.of(files).unfolded() as folder:
            return PolicyEngine(PolicyBundle.as_it_stands(folder))

    def recorded(self, id_: str, record: bytes) -> RecordedDecision:
        """Return a decision with the entities it rested on, if the annex has them."""
        bare = RecordedDecision.read(id_, record, None)
        body = self.slices.get(str(bare.record["entities"]))
        return bare if body is None else RecordedDecision.read(id_, record, body.encode())


def decisive(files: Mapping[str, str]) -> dict[str, str]:
    """Return of a policy folder's files those that decide."""
    return {path: text for path, text in files.items() if path.lower().endswith(_DECIDES)}


def _check_files(digest: str, files: Mapping[str, str]) -> None:
    """Refuse what could not be written into a folder of its own, and another bundle than its digest names.

    INVARIANT: nothing that an annex names is written anywhere before this.
    """
    if len(files) > MAX_FILES:
        raise ValueError(f"a bundle has {len(files)} files, expected at most {MAX_FILES}")
    for path in files:
        check_path(path)
        if not path.lower().endswith(_DECIDES):
            raise ValueError(f"{path!a} does not decide, expected .cedar and .cedarschema files alone")
    check_paths(sorted(files))
    found = Snapshot.of(files).digest
    if found != digest:
        raise ValueError(f"the policies under {digest[:16]} have the digest {found[:16]}")


def _unfit(organization: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"the annex of {organization} does not hold: {why}",
        remedy=f"Ask {organization} for another; what the bill proves without it does not depend on it.",
    )
