"""The bill of lading: one canonical JSON file that proves a handoff, built by one of its two parties.

    {"bill": {…}, "signature": <Sigstore bundle over the bill's digest>, "seal": <signed note over both>}

The *signature* says which identity issued the bill. The *seal*, by the issuer's log key, covers the signature
bundle too: a bundle has bytes that its own signature does not cover, and a bill with any byte changed must fail.
Format: `docs/formats/bill.md`.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from engine.audit.note import NoteSigner
from engine.custody.statements import Digest, Organization, TransferId
from engine.digest import JSON, canonical, parse_canonical, sha256
from engine.errors import InputError, IntegrityError
from engine.events import timestamp
from engine.signing.statement import statement

BILL_TYPE: Final = "urn:lading:bill:v1"
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


class LogEvidence(_Part):
    """What one organization's log says about the transfer: a cosigned checkpoint and the transfer's entries."""

    checkpoint: Annotated[str, Field(max_length=65_536)]
    entries: Annotated[list[EntryEvidence], Field(max_length=10_000)]


class Bill(_Part):
    """Everything about one handoff.

    Attributes:
        issuer: the party that built it.
        manifest: the manifest's canonical JSON, as text.
        agreement: the agreement's canonical JSON, as text.
        signatures: Sigstore bundles by what they sign: `model`, `manifest`, `offer`, `acceptance`, `receipt`,
            `verdict`, `agreement:<organization>` twice.
        decision: the issuer's own decision record, as canonical JSON text.
        logs: the evidence of both logs, by organization.
        trust: the trust documents the issuer verified with, as fingerprints by organization.
    """

    format: Literal["lading/bill/v1"] = "lading/bill/v1"
    transfer: TransferId
    issuer: Organization
    issued: AwareDatetime
    sender: Organization
    receiver: Organization
    artifact: Digest
    manifest: str
    agreement: str
    signatures: dict[str, Bundle]
    decision: str
    logs: dict[str, LogEvidence]
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


class SealedBill(_Part):
    """A bill as the file holds it."""

    bill: Bill
    signature: Bundle
    seal: str


def seal_bill(bill: Bill, signature: bytes, signer: NoteSigner) -> bytes:
    """Return the file: the bill, its signature bundle, and the seal over both.

    Args:
        bill: the bill.
        signature: the Sigstore bundle over `bill.statement()`.
        signer: the issuer's log key.
    """
    bundle = json.loads(signature)
    text = seal_text(bill, bundle)
    note = text + b"\n" + signer.sign(text)
    return canonical({"bill": bill.to_json(), "signature": bundle, "seal": note.decode()})


def seal_text(bill: Bill, signature: Bundle) -> bytes:
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
        field = ".".join(str(part) for part in fault["loc"])
        raise _not_a_bill(f"the bill's field {field}: {fault['msg']}") from None
    again = canonical({"bill": sealed.bill.to_json(), "signature": sealed.signature, "seal": sealed.seal})
    if again != data:
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
