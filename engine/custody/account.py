"""Verifying a bill offline: from the file and pinned trust alone, to an account a person can read.

Nothing of the bill is believed for being there. Each claim is proved from a signature under the root pinned for
the one organization that must have made it, or from an inclusion proof under a checkpoint its log signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.custody.bill import parse_bill
from engine.custody.decisions import DecisionTold
from engine.digest import JSON
from engine.errors import InputError, IntegrityError
from engine.signing.trust_folder import TrustFolder

if TYPE_CHECKING:
    from pyrage.x25519 import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One signed statement of the handoff.

    Attributes:
        name: what it is, as the bill names it.
        organization: for whom it was made.
        signer: who signed.
        time: when, by that organization's timestamp authority, RFC 3339.
        says: what it says, in a few words.
    """

    name: str
    organization: str
    signer: str
    time: str
    says: str

    def to_json(self) -> dict[str, JSON]:
        """Return the statement as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a bill proves, in words.

    Attributes:
        proved: one sentence for each thing that was proved, in the order of the handoff.
        grade: `unilateral`, `bilateral` or `witnessed`; see `engine.custody.grading`.
        statements: who signed what, in the order of the handoff.
        decisions: both sides' decisions, as far as they are shown; empty in a bill of version 1.
        findings: what both sides' checks found.
        annexes: by organization, how its annex stands: `none`, `sealed for others`, `opened`, or `absent:` or
            `does not hold:` and why.
        earlier: one sentence for each earlier handoff.
        left_out: by organization, how many entries of its log the evidence lacks because they only repeat others, as
            that organization says.
    """

    format: str
    transfer: str
    artifact: str
    root: str
    sender: str
    receiver: str
    agreement: str
    purpose: str
    issuer: str
    verdict: str
    proved: tuple[str, ...]
    grade: str
    statements: tuple[Statement, ...] = ()
    decisions: tuple[DecisionTold, ...] = ()
    findings: tuple[Mapping[str, JSON], ...] = ()
    annexes: Mapping[str, str] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """Return the account as JSON values."""
        said: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__}
        lists: dict[str, JSON] = {
            "proved": list(self.proved),
            "statements": [each.to_json() for each in self.statements],
            "decisions": [each.to_json() for each in self.decisions],
            "findings": [dict(each) for each in self.findings],
            "annexes": dict(self.annexes),
            "earlier": list(self.earlier),
            "left_out": dict(self.left_out),
        }
        return said | lists | {"ok": True}


def verify_bill(data: bytes, trust: Path, identities: "tuple[Identity, ...]" = ()) -> Account:
    """Verify a bill from pinned trust alone.

    Args:
        data: the file.
        trust: a folder of pinned trust, such as a workspace's `trust/`.
        identities: private keys of age, for annexes that are encrypted.

    Raises:
        EvidenceError: anything at all does not hold; the message says what.
        InputError: a pinned witness or the witness policy of the folder cannot be read.
    """
    from engine.custody.examination import Examination

    examination = Examination(parse_bill(data), TrustFolder(trust), identities)
    try:
        return examination.account()
    except InputError as error:
        raise IntegrityError(f"the bill holds something unreadable: {error}", remedy=error.remedy) from error
