"""An approval counts for exactly what it names, and for as long as it may."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.digest import parse_json
from engine.errors import BadSignature
from engine.policy.rollout.approval import APPROVAL_LIFE, POLICY_APPROVAL, PolicyApproval
from engine.signing.identity import Signatory

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ABOUT = {
    "organization": "acme.example",
    "bundle": "a" * 64,
    "gate": "b" * 64,
    "base": "c" * 64,
    "author": "ada@acme.example",
}


@dataclass
class Verified:
    """A statement whose signature was verified."""

    payload: bytes
    subject_sha256: str
    signatory: Signatory = field(default_factory=lambda: Signatory("bea@acme.example", "https://oidc.acme.example"))

    @property
    def statement(self) -> Any:
        return parse_json(self.payload, what="a statement", limit=1 << 20)


def approval(**changes: Any) -> PolicyApproval:
    return PolicyApproval.draft(**{**ABOUT, "reason": "as discussed", "now": NOW, **changes})


def test_it_counts_for_what_it_names() -> None:
    assert approval().objection(**ABOUT, now=NOW + timedelta(hours=3)) is None


@pytest.mark.parametrize("field", ABOUT)
def test_it_counts_for_nothing_else(field: str) -> None:
    other = {**ABOUT, field: "d" * 64}

    assert f"it is about {field}" in str(approval().objection(**other, now=NOW))


def test_it_ends_after_four_hours() -> None:
    assert "expired" in str(approval().objection(**ABOUT, now=NOW + APPROVAL_LIFE))


def test_one_that_claims_ten_years_counts_at_no_time() -> None:
    forged = approval().model_copy(update={"expires": NOW + timedelta(days=3650)})

    assert "at most 4:00:00" in str(forged.objection(**ABOUT, now=NOW))


def test_one_from_the_future_does_not_count_yet() -> None:
    assert "in the future" in str(approval(now=NOW + timedelta(hours=1)).objection(**ABOUT, now=NOW))


def test_clocks_may_differ_a_little() -> None:
    assert approval(now=NOW + timedelta(minutes=4)).objection(**ABOUT, now=NOW) is None


def test_what_was_signed_is_read_back() -> None:
    said = approval()

    assert PolicyApproval.read(Verified(said.statement(), said.bundle)) == said


def test_a_subject_that_is_another_bundle_is_refused() -> None:
    with pytest.raises(BadSignature, match="one thing in its subject"):
        PolicyApproval.read(Verified(approval().statement(), "e" * 64))


def test_an_unknown_field_is_refused() -> None:
    from engine.signing.statement import statement

    predicate = approval().model_dump(mode="json") | {"and": "more"}

    with pytest.raises(BadSignature, match="malformed"):
        PolicyApproval.read(Verified(statement("policies", "a" * 64, POLICY_APPROVAL, predicate), "a" * 64))


def test_no_two_approvals_are_the_same() -> None:
    assert approval().nonce != approval().nonce
