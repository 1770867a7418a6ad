"""The JSON bodies that gateways exchange. Unknown fields, repeated keys and other types are refused.

What is signed travels as what it is: canonical documents as strings (so that their bytes stay the same), Sigstore
bundles as JSON objects (their own signature covers what counts). No message is trusted for being well-formed.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from engine.digest import parse_json
from engine.errors import InputError
from engine.wire.bitmap import read_bitmap, write_bitmap
from engine.wire.routes import (
    AGREEMENT_LIMIT,
    ANNEX_REQUEST_LIMIT,
    ANSWER_LIMIT,
    MOST_REFUSALS,
    OFFER_LIMIT,
    REFUSALS_LIMIT,
    WHY_LIMIT,
)

_BUNDLE_DEPTH: Final = 64
_BUNDLE_TEXT: Final = 4 << 20
_MODEL_SIGNATURE_TEXT: Final = 32 << 20
CHAIN_LIMIT: Final = 16
"""The most earlier handoffs that an offer may carry."""


def _base64(text: str) -> str:
    try:
        whole = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(whole).decode("ascii") != text:
        raise ValueError("not base64 in its one form")
    return text


def _of_text(most: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what refuses a bundle that is nested too deeply, or whose texts have more characters than `most`."""

    def bounded(bundle: dict[str, Any]) -> dict[str, Any]:
        level: list[Any] = [bundle]
        text = 0
        for _ in range(_BUNDLE_DEPTH):
            level = [inner for outer in level for inner in _inside(outer)]
            text += sum(len(each) for each in level if isinstance(each, str))
        if level:
            raise ValueError(f"nested more than {_BUNDLE_DEPTH} deep")
        if text > most:
            raise ValueError(f"{text} characters, where at most {most} make sense")
        return bundle

    return bounded


def _inside(value: Any) -> Iterable[Any]:
    """Return what stands in an object or a list; names, too, are texts."""
    return chain(value, value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()


Transfer = Annotated[str, Field(pattern=r"^tr-[0-9a-f]{24}$")]
Organization = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,252}$")]
Base64 = Annotated[str, AfterValidator(_base64)]
Bundle = Annotated[dict[str, Any], AfterValidator(_of_text(_BUNDLE_TEXT))]
"""A Sigstore bundle, as JSON. Whoever uses it verifies it."""
ModelSignature = Annotated[dict[str, Any], AfterValidator(_of_text(_MODEL_SIGNATURE_TEXT))]
"""A Sigstore bundle whose statement names every file of a model."""
Note = Annotated[str, Field(max_length=64 << 10)]
"""A C2SP signed note: a checkpoint with its cosignatures."""


class Message(BaseModel):
    """A body of one kind.

    `LIMIT` is the most bytes it may have, `VALUES` the most lists, objects and commas: they take much more in memory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    LIMIT: ClassVar[int] = ANSWER_LIMIT
    VALUES: ClassVar[int] = 1 << 15

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read what came from outside.

        Raises:
            InputError: the body has too many bytes or values, is not strict JSON, or not this kind of message.
        """
        # Strict JSON has lists where Python has tuples: the model reads the JSON mode's rules.
        strict = to_json(parse_json(body, what=f"the {cls.__name__}", limit=cls.LIMIT, values=cls.VALUES))
        try:
            return cls.model_validate_json(strict, strict=True)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'the whole'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)[:5]
            )
            raise InputError(
                f"the {cls.__name__} cannot be used: {faults}",
                remedy="Both sides must speak docs/formats/wire.md: compare the versions of lading.",
            ) from None

    def body(self) -> bytes:
        """Return the JSON to send; members that are absent are left out."""
        return to_json(self, exclude_none=True)


class LinkMessage(Message):
    """One earlier handoff of what is offered: who said what when its sender came to hold it.

    Attributes:
        link: the custody link, signed by the receiver of that handoff.
        offer: its sender's offer.
        receipt: its receiver's delivery receipt.
        verdict: its receiver's verdict.
    """

    link: Bundle
    offer: Bundle
    receipt: Bundle
    verdict: Bundle

    def bundles(self) -> dict[str, dict[str, Any]]:
        """Return the bundles by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class OfferMessage(Message):
    """`POST /v1/transfers`: everything the receiver needs to decide.

    Attributes:
        offer: the signed offer, an in-toto statement.
        manifest: canonical manifest.
        chunks: canonical chunk map.
        model_signature: OpenSSF Model Signing bundle.
        manifest_attestation: bundle that binds root digest and manifest.
        custody: how the sender came to hold it, the oldest handoff first; absent if the sender made it.
    """

    LIMIT: ClassVar[int] = OFFER_LIMIT

    offer: Bundle
    manifest: Annotated[str, Field(max_length=16 << 20)]
    chunks: Annotated[str, Field(max_length=32 << 20)]
    model_signature: ModelSignature
    manifest_attestation: Bundle
    custody: Annotated[tuple[LinkMessage, ...], Field(min_length=1, max_length=CHAIN_LIMIT)] | None = None


class AcceptanceMessage(Message):
    """The answer to an offer: signed before any byte is sent.

    Attributes:
        transfer: the id it has from now on.
        acceptance: the signed acceptance.
        checkpoint: the receiver's newest checkpoint.
    """

    transfer: Transfer
    acceptance: Bundle
    checkpoint: Note


class MissingMessage(Message):
    """What is still to be sent.

    Attributes:
        total: how many distinct chunks the offer has.
        missing: bitmap over them (`engine.wire.bitmap`).
    """

    total: Annotated[int, Field(ge=0, le=1 << 26)]
    missing: Annotated[str, Field(max_length=16 << 20)]

    @classmethod
    def of(cls, bits: Iterable[bool]) -> Self:
        """Make the message from one bit per chunk, set for those that are missing."""
        wanted = list(bits)
        return cls(total=len(wanted), missing=write_bitmap(wanted))

    def positions(self) -> Iterator[int]:
        """Return the positions of the missing chunks, in order.

        Raises:
            InputError: the bitmap is not one of `total` bits.
        """
        return read_bitmap(self.missing, self.total)


class Refusal(Message):
    """What a listener refused, and how often.

    Attributes:
        cause: why.
        count: how often since it told last.
        transfer: the transfer it is about, if any.
        why: what was found the first time.
    """

    cause: Literal["digest-mismatch", "no-certificate", "not-verified", "unidentified", "expired"]
    count: Annotated[int, Field(ge=1)]
    transfer: Transfer | None
    why: Annotated[str, Field(max_length=WHY_LIMIT)]


class RefusalsMessage(Message):
    """What a listener tells its owner that it refused."""

    LIMIT: ClassVar[int] = REFUSALS_LIMIT

    refusals: Annotated[tuple[Refusal, ...], Field(max_length=MOST_REFUSALS)]


class ReceiptMessage(Message):
    """The answer to a commit: the signed delivery receipt, durable before it is sent.

    Attributes:
        receipt: the signed receipt.
        checkpoint: the receiver's newest checkpoint, which covers it.
    """

    receipt: Bundle
    checkpoint: Note


class StatusMessage(Message):
    """How a transfer stands at the receiver."""

    transfer: Transfer
    state: Annotated[str, Field(pattern=r"^[a-z-]{1,32}$")]
    receipt: Bundle | None = None
    verdict: Bundle | None = None


class EvidenceEntry(Message):
    """One entry of the other side's log, with its proof of inclusion.

    Attributes:
        index: of the leaf.
        leaf: its bytes, in base64.
        proof: hashes of the path to the root, from below, each in base64.
    """

    index: Annotated[int, Field(ge=0, lt=1 << 53)]
    leaf: Annotated[Base64, Field(max_length=88 << 10)]
    proof: Annotated[tuple[Annotated[Base64, Field(max_length=44)], ...], Field(max_length=63)]


class EvidenceMessage(Message):
    """What the other side's log says about one transfer.

    Attributes:
        organization: whose log it is.
        checkpoint: the signed checkpoint under which the proofs hold.
        entries: the entries of this transfer, in the log's order.
        left_out: how many more there are, which only repeat others; None if there are none.
        decision: canonical record of the policy decision, as far as it is disclosed.
    """

    VALUES: ClassVar[int] = 1 << 19

    organization: Organization
    checkpoint: Note
    entries: Annotated[tuple[EvidenceEntry, ...], Field(max_length=4096)]
    left_out: Annotated[int, Field(ge=1, lt=1 << 53)] | None = None
    decision: Annotated[str, Field(max_length=1 << 20)] | None = None


class OpenedMessage(Message):
    """What one entry of the other side's log commits to.

    Attributes:
        index: of the leaf.
        salt: 32 bytes, in base64.
        payload: canonical JSON.
    """

    index: Annotated[int, Field(ge=0, lt=1 << 53)]
    salt: Annotated[Base64, Field(max_length=44)]
    payload: Annotated[str, Field(max_length=1 << 20)]


class RecordMessage(Message):
    """What the other side discloses of its decisions and checks about one transfer.

    Attributes:
        organization: whose they are.
        openings: of entries that `EvidenceMessage` has; the others are withheld.
        statements: bundles of the `approval` and the `break-glass` ticket the transfer rested on.
    """

    organization: Organization
    openings: Annotated[tuple[OpenedMessage, ...], Field(max_length=4096)]
    statements: Annotated[dict[str, Bundle], Field(max_length=2)]


Recipient = Annotated[str, Field(pattern=r"^age1[0-9a-z]{58}$")]
"""An X25519 recipient of age."""

CARRIED_ANNEX: Final = 16 << 20
"""The most bytes of an annex that one side gives the other."""


class AnnexRequest(Message):
    """Asks for the annex of the other side about one transfer, for a bill of lading.

    Attributes:
        size: of the checkpoint under which its entries were proved; the annex opens no later ones.
        recipients: to whom it is to be encrypted with age; in the clear if nobody is named.
    """

    LIMIT: ClassVar[int] = ANNEX_REQUEST_LIMIT

    size: Annotated[int, Field(ge=0, lt=1 << 53)]
    recipients: Annotated[tuple[Recipient, ...], Field(max_length=50)]


class AnnexMessage(Message):
    """The annex of the other side.

    Attributes:
        organization: whose it is.
        encryption: whether it is encrypted, with age.
        plaintext: SHA-256 of the annex.
        annex: the annex, encrypted or in the clear, in base64.
    """

    organization: Organization
    encryption: Literal["none", "age"]
    plaintext: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    annex: Annotated[Base64, Field(max_length=(CARRIED_ANNEX + 2) // 3 * 4)]


class AgreementMessage(Message):
    """An agreement and the signatures that are there so far; both as question and as answer.

    Attributes:
        agreement: canonical agreement.
        bundles: for each organization that signed, its bundle.
    """

    LIMIT: ClassVar[int] = AGREEMENT_LIMIT

    agreement: Annotated[str, Field(max_length=1 << 20)]
    bundles: Annotated[dict[Organization, Bundle], Field(max_length=2)]
