"""What was verified once is not verified again, unless anything about it is another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.errors import BadSignature
from engine.signing import OrganizationTrust, Signatory, Signed
from engine.signing.identity import AllowedIdentity
from engine.signing.verified import LARGEST, MOST, Verified

KIND = "https://acme.example/kind"
ADA = AllowedIdentity("ada@acme.example", "https://acme.example/issuer", (KIND,))
TRUST = OrganizationTrust("acme.example", "{}", (ADA,))
SIGNED = Signed(
    payload=b"{}",
    statement={"subject": [{"name": "model"}]},
    subject_sha256="0" * 64,
    signatory=Signatory(ADA.identity, ADA.issuer),
    time=datetime(2026, 6, 1, tzinfo=UTC),
    log="https://log.acme.example",
    log_index=1,
    root_fingerprint="0" * 64,
)


class Counted:
    """Verifies everything to the same, and counts how often."""

    def __init__(self, signed: Signed = SIGNED) -> None:
        self.signed, self.times = signed, 0

    def __call__(self) -> Signed:
        self.times += 1
        return self.signed


def test_the_same_bundle_under_the_same_trust_is_verified_once() -> None:
    verified, verify = Verified(), Counted()

    first, second = (verified.verify(b"bundle", replace(TRUST), KIND, verify) for _ in range(2))

    assert first == second == SIGNED
    assert verify.times == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda v, verify: v.verify(b"Bundle", TRUST, KIND, verify),
        lambda v, verify: v.verify(b"bundle", replace(TRUST, trust_config="{ }"), KIND, verify),
        lambda v, verify: v.verify(b"bundle", replace(TRUST, identities=()), KIND, verify),
        lambda v, verify: v.verify(b"bundle", replace(TRUST, organization="borealis.example"), KIND, verify),
        lambda v, verify: v.verify(b"bundle", TRUST, KIND + "/v2", verify),
    ],
    ids=["bundle", "root", "identities", "organization", "type"],
)
def test_anything_else_is_verified_anew(other: Callable[[Verified, Counted], Signed]) -> None:
    verified, verify = Verified(), Counted()
    verified.verify(b"bundle", TRUST, KIND, verify)

    other(verified, verify)

    assert verify.times == 2


def test_a_refusal_is_never_kept() -> None:
    verified, verify = Verified(), Counted()

    def refuse() -> Signed:
        raise BadSignature("no", remedy="none")

    with pytest.raises(BadSignature):
        verified.verify(b"bundle", TRUST, KIND, refuse)

    assert verified.verify(b"bundle", TRUST, KIND, verify) == SIGNED
    with pytest.raises(BadSignature):
        verified.verify(b"another", TRUST, KIND, refuse)


def test_nobody_changes_what_another_gets() -> None:
    verified = Verified()
    verified.verify(b"bundle", TRUST, KIND, Counted()).statement.clear()

    again = verified.verify(b"bundle", TRUST, KIND, Counted())

    assert again.statement == {"subject": [{"name": "model"}]}


def test_it_keeps_what_was_asked_for_last_and_nothing_large() -> None:
    verified, verify = Verified(), Counted()
    large = Counted(replace(SIGNED, payload=bytes(LARGEST + 1)))
    for number in range(MOST + 1):
        verified.verify(b"%d" % number, TRUST, KIND, verify)
        verified.verify(b"1", TRUST, KIND, verify)

    verified.verify(b"0", TRUST, KIND, verify)
    for _ in range(2):
        verified.verify(b"large", TRUST, KIND, large)

    assert verify.times == MOST + 2
    assert large.times == 2
