"""The bill of lading: one canonical JSON file that proves a handoff, built by one of its two parties.

    {"annexes": {…}, "bill": {…}, "signature": <Sigstore bundle over the bill's digest>, "seal": <signed note>}

The *signature* says which identity issued the bill. The *seal*, by the issuer's log key, covers the signature
bundle too: a bundle has bytes that its own signature does not cover, and a bill with any byte changed must fail.
An *annex* holds what replays a party's decisions; the bill names each by two digests and holds without it.

Version 1 had no annexes, no openings of log entries and no place for earlier handoffs; it is read, never made.
Format: `docs/formats/bill.md`.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.audit.note import NoteSigner
from engine.custody.statements import Digest, Organization, TransferId
from engine.digest import JSON, canonical, parse_canonical, sha256
from engine.errors import InputError, IntegrityError
from engine.events import timestamp
from engine.signing.statement import statement
from engine.wire.messages import CHAIN_LIMIT

BILL_TYPE: Final = "urn:lading:bill:v1"
"""The predicate type of the statement that an issuer signs; the same for both versions of the file."""

BILL_LIMIT: Final = 256 << 20
"""The largest bill in bytes: a manifest of 200,000 files and its model signature fit."""

Bundle = dict[str, Any]
Encoded = Annotated[str, Field(max_length=90_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntryEvidence(_Part):
    """One leaf of a log and its inclusion proof under the checkpoint beside it; all base64."""

    index: Annotated[int, Field(ge=0)]
    leaf: Encoded
    proof: Annotated[list[Encoded], Field(max_length=64)]


class Opening(_Part):
    """What a leaf commits to.

    Attributes:
        salt: 32 bytes, in base64.
        payload: the entry's payload, canonical JSON as text.
    """

    salt: Annotated[str, Field(max_length=44)]
    payload: Annotated[str, Field(max_length=1 << 20)]


class OpenedEntry(EntryEvidence):
    """One leaf with what it commits to; `opening` is null where the log's owner withholds it."""

    opening: Opening | None


class LogEvidenceV1(_Part):
    """What one organization's log says about the transfer: a cosigned checkpoint and the transfer's entries."""

    checkpoint: Annotated[str, Field(max_length=65_536)]
    entries: Annotated[list[EntryEvidence], Field(max_length=10_000)]


class LogEvidence(_Part):
    """As version 1 has it, with the entries opened as far as the log's owner discloses them.

    Attributes:
        checkpoint: as version 1 has it.
        entries: all of the transfer, or of very many those that tell something (`engine.custody.extract`).
        left_out: how many more there are, by the word of the log's owner; None, and not written, if all are there.
    """

    checkpoint: Annotated[str, Field(max_length=65_536)]
    entries: Annotated[list[OpenedEntry], Field(max_length=10_000)]
    left_out: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None

    def to_json(self) -> dict[str, JSON]:
        """Return the evidence as JSON values."""
        return self.model_dump(mode="python", exclude={"left_out"} if self.left_out is None else None)


class AnnexNamed(_Part):
    """An annex as the bill binds it.

    Attributes:
        plaintext: SHA-256 of the annex.
        sealed: SHA-256 of what stands in the file; the same if it is in the clear.
        encryption: `none`, or `age` to the auditors its maker named.
    """

    plaintext: Digest
    sealed: Digest
    encryption: Literal["none", "age"]


class Earlier(_Part):
    """An earlier handoff of the same artifact, by which its sender came to hold it.

    Attributes:
        transfer: its id.
        signatures: Sigstore bundles by what they sign: `offer`, `receipt`, `verdict`, and the custody `link` over them.
    """

    transfer: TransferId
    sender: Organization
    receiver: Organization
    artifact: Digest
    signatures: dict[str, Bundle]


Absence: TypeAlias = Literal["refused", "unreachable", "unfit", "unknown"]
"""Why the other side's annex is absent, as its asker says: nothing proves it."""

ABSENT: Final[Mapping[Absence, str]] = {
    "refused": "they were asked, and refused",
    "unreachable": "they were asked, and did not answer",
    "unfit": "what they sent does not hold",
    "unknown": "their gateway knows no annexes",
}
"""The same in words."""


class _Bill(_Part):
    """What both versions say about one handoff.

    Attributes:
        issuer: the party that built it.
        manifest: the manifest's canonical JSON, as text.
        agreement: the agreement's canonical JSON, as text.
        signatures: Sigstore bundles by what they sign: `model`, `manifest`, `offer`, `acceptance`, `receipt`,
            `verdict`, `agreement:<organization>` twice; from version 2 on `approval` and `break-glass` if the
            transfer rested on them.
        trust: the trust documents the issuer verified with, as fingerprints by organization.
    """

    format: str
    transfer: TransferId
    issuer: Organization
    issued: AwareDatetime
    sender: Organization
    receiver: Organization
    artifact: Digest
    manifest: str
    agreement: str
    signatures: dict[str, Bundle]
    trust: dict[str, str]

    def to_json(self) -> dict[str, JSON]:
        """Return the bill as JSON values."""
        values: dict[str, JSON] = self.model_dump(mode="python")
        return values | {"issued": timestamp(self.issued)}

    @property
    def digest(self) -> str:
        """SHA-256 over the bill's canonical JSON."""
        return sha256(canonical(self.to_json()))

    def statement(self) -> bytes:
        """Return the in-toto statement the issuer signs: the bill by digest, and the transfer it is about."""
        predicate: Mapping[str, JSON] = {"format": self.format, "transfer": self.transfer, "issuer": self.issuer}
        return statement(self.transfer, self.digest, BILL_TYPE, predicate)


class BillV1(_Bill):
    """`lading/bill/v1`, with the issuer's own decision record alone, as canonical JSON text."""

    format: Literal["lading/bill/v1"] = "lading/bill/v1"
    decision: str
    logs: dict[str, LogEvidenceV1]


class Bill(_Bill):
    """`lading/bill/v2`.

    Attributes:
        logs: the evidence of both logs, by organization.
        annexes: the annexes in the file, by organization.
        absent: why an annex that was asked for is not there, by organization; nothing is written if none was missed.
        custody: how the artifact came to the sender, the oldest handoff first.
    """

    format: Literal["lading/bill/v2"] = "lading/bill/v2"
    logs: dict[str, LogEvidence]
    annexes: dict[str, AnnexNamed] = Field(default_factory=dict)
    absent: dict[str, Absence] = Field(default_factory=dict)
    custody: Annotated[list[Earlier], Field(max_length=CHAIN_LIMIT)] = Field(default_factory=list)

    @property
    def left_out(self) -> dict[str, int]:
        """How many entries the evidence of a log lacks, by organization, as far as one says that there are any."""
        return {org: evidence.left_out for org, evidence in self.logs.items() if evidence.left_out is not None}

    def to_json(self) -> dict[str, JSON]:
        """Return the bill as JSON values; without `absent` if no annex is missed, as it ever was."""
        values = super().to_json() | {"logs": {org: evidence.to_json() for org, evidence in self.logs.items()}}
        if not self.absent:
            del values["absent"]
        return values


AnyBill: TypeAlias = Bill | BillV1


class SealedBill(_Part):
    """A bill as the file holds it; `annexes` are base64 by organization."""

    bill: Bill | BillV1 = Field(discriminator="format")
    signature: Bundle
    seal: str
    annexes: dict[str, str] | None = None

    def encode(self) -> bytes:
        """Return the file's bytes."""
        file: dict[str, JSON] = {"bill": self.bill.to_json(), "signature": self.signature, "seal": self.seal}
        return canonical(file if self.annexes is None else file | {"annexes": self.annexes})


def seal_bill(bill: AnyBill, signature: bytes, signer: NoteSigner, annexes: Mapping[str, bytes] | None = None) -> bytes:
    """Return the file: the bill, its signature bundle, the seal over both, and the annexes the bill names.

    Args:
        bill: the bill.
        signature: the Sigstore bundle over `bill.statement()`.
        signer: the issuer's log key.
        annexes: what the bill names, by organization.
    """
    bundle = json.loads(signature)
    text = seal_text(bill, bundle)
    note = text + b"\n" + signer.sign(text)
    beside = {org: encode(data) for org, data in (annexes or {}).items()} if isinstance(bill, Bill) else None
    return SealedBill(bill=bill, signature=bundle, seal=note.decode(), annexes=beside).encode()


def seal_text(bill: AnyBill, signature: Bundle) -> bytes:
    """Return the note text a seal signs: the bill type, then the SHA-256 of bill and signature, a line each."""
    return f"{BILL_TYPE}\n{sha256(canonical({'bill': bill.to_json(), 'signature': signature}))}\n".encode()


def parse_bill(data: bytes) -> SealedBill:
    """Read a bill strictly: canonical JSON, nothing missing, nothing unknown.

    Raises:
        IntegrityError: it is not a bill as lading writes them.
    """
    try:
        sealed = SealedBill.model_validate(parse_canonical(data, what="the bill", limit=BILL_LIMIT))
    except InputError as error:
        raise _not_a_bill(str(error)) from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("lading/"))
        raise _not_a_bill(f"the bill's field {field}: {fault['msg']}") from None
    if isinstance(sealed.bill, BillV1) != (sealed.annexes is None):
        raise _not_a_bill("a bill of version 2 has annexes beside it, one of version 1 has none")
    if sealed.encode() != data:
        raise _not_a_bill("the bill has a second way to write one of its values")
    return sealed


def encode(data: bytes) -> str:
    """Write bytes as the bill does (base64, padded)."""
    return base64.b64encode(data).decode()


def issue(moment: datetime) -> datetime:
    """Cut a moment to the millisecond the bill can hold."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _not_a_bill(why: str) -> IntegrityError:
    return IntegrityError(
        f"this is no unaltered bill of lading: {why}",
        remedy="Ask its issuer for the file again; do not rely on this one.",
    )
