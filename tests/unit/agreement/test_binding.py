"""Whether an agreement binds: real signatures by two Sigstores, and everything that can be wrong with them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.agreement import Agreement, Standing, standing

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def agreement(agree: Any) -> Agreement:
    built: Agreement = agree()
    return built


@pytest.fixture(scope="module")
def trusts(acme: Any, borealis: Any) -> dict[str, Any]:
    return {acme.organization: acme.trust, borealis.organization: borealis.trust}


@pytest.fixture(scope="module")
def bundles(agreement: Agreement, acme: Any, borealis: Any) -> Mapping[str, bytes]:
    return {party.organization: party.sign(agreement) for party in (acme, borealis)}


def codes(found: Standing) -> list[str]:
    return [problem.code for problem in found.problems]


def test_it_binds_when_both_signed_and_its_time_has_come(agreement: Agreement, bundles: Any, trusts: Any) -> None:
    found = standing(agreement, bundles, trusts, JUNE)
    assert found.in_force
    assert found.problems == ()
    assert {party: str(signed.signatory.identity) for party, signed in found.signed.items()} == {
        "acme.example": "ada@acme.example",
        "borealis.example": "ada@borealis.example",
    }


def test_one_signature_binds_nobody(agreement: Agreement, bundles: Any, trusts: Any) -> None:
    found = standing(agreement, {"acme.example": bundles["acme.example"]}, trusts, JUNE)
    assert not found.in_force
    assert codes(found) == ["agreement-unsigned"]
    assert "borealis.example has not signed it" in found.problems[0].message
    assert set(found.signed) == {"acme.example"}


def test_one_organization_cannot_sign_for_both(agreement: Agreement, bundles: Any, trusts: Any) -> None:
    twice = dict.fromkeys(agreement.parties, bundles["acme.example"])
    found = standing(agreement, twice, trusts, JUNE)
    assert codes(found) == ["agreement-signature-invalid"]


def test_trust_filed_under_the_wrong_name_is_no_trust(agreement: Agreement, bundles: Any, trusts: Any) -> None:
    twice = dict.fromkeys(agreement.parties, bundles["acme.example"])
    found = standing(agreement, twice, dict.fromkeys(agreement.parties, trusts["acme.example"]), JUNE)
    assert codes(found) == ["agreement-signer-unknown"]


def test_without_the_trust_of_a_party_it_does_not_bind(agreement: Agreement, bundles: Any, trusts: Any) -> None:
    found = standing(agreement, bundles, {"acme.example": trusts["acme.example"]}, JUNE)
    assert codes(found) == ["agreement-signer-unknown"]
    assert "Add and confirm borealis.example" in found.problems[0].remedy


def test_somebody_who_may_not_sign_agreements_binds_nobody(
    agreement: Agreement, bundles: Any, trusts: Any, acme: Any
) -> None:
    found = standing(agreement, {**bundles, "acme.example": acme.sign(agreement, person="mallory")}, trusts, JUNE)
    assert codes(found) == ["agreement-signer-untrusted"]
    assert "mallory@acme.example" in found.problems[0].message


def test_signatures_over_other_terms_do_not_count(
    agreement: Agreement, agree: Any, bundles: Any, trusts: Any, acme: Any
) -> None:
    softer = agree(terms={"onward_transfer": True})
    found = standing(agreement, {**bundles, "acme.example": acme.sign(softer)}, trusts, JUNE)
    assert codes(found) == ["agreement-other-text"]
    assert softer.digest in found.problems[0].message
    assert agreement.digest in found.problems[0].message


def test_the_right_digest_with_another_predicate_does_not_count(
    agreement: Agreement, bundles: Any, trusts: Any, acme: Any
) -> None:
    forged = agreement.statement().replace(b'"retention_days":90', b'"retention_days":99')
    found = standing(agreement, {**bundles, "acme.example": acme.sign_statement(forged)}, trusts, JUNE)
    assert codes(found) == ["agreement-other-text"]


@pytest.mark.parametrize("garbage", [b"", b"{}", b"\xff", b"[" * 100_000])
def test_garbage_is_a_finding_and_no_exception(agreement: Agreement, bundles: Any, trusts: Any, garbage: bytes) -> None:
    found = standing(agreement, {**bundles, "borealis.example": garbage}, trusts, JUNE)
    assert codes(found) == ["agreement-signature-invalid"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), ["agreement-not-yet"]),
        (datetime(2026, 1, 1, tzinfo=UTC), []),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), []),
        (datetime(2027, 1, 1, tzinfo=UTC), ["agreement-expired"]),
    ],
)
def test_it_binds_from_its_first_moment_up_to_its_last(
    agreement: Agreement, bundles: Any, trusts: Any, now: datetime, expected: list[str]
) -> None:
    found = standing(agreement, bundles, trusts, now)
    assert codes(found) == expected
    assert found.in_force == (not expected)


def test_everything_that_is_wrong_is_said_at_once(agreement: Agreement, trusts: Any) -> None:
    found = standing(agreement, {}, trusts, datetime(2030, 1, 1, tzinfo=UTC))
    assert codes(found) == ["agreement-unsigned", "agreement-unsigned", "agreement-expired"]


def test_a_pinned_trust_document_must_be_the_confirmed_one(agree: Any, trusts: Any, acme: Any, borealis: Any) -> None:
    pinned = agree(trust={"borealis.example": "b" * 64})
    signed = {party.organization: party.sign(pinned) for party in (acme, borealis)}
    assert standing(pinned, signed, trusts, JUNE, documents={"borealis.example": "b" * 64}).in_force
    rotated = standing(pinned, signed, trusts, JUNE, documents={"borealis.example": "c" * 64})
    assert codes(rotated) == ["agreement-trust-moved"]
    assert codes(standing(pinned, signed, trusts, JUNE)) == ["agreement-trust-moved"]


def test_it_stands_back_for_one_that_supersedes_it_once_that_is_in_force(
    agreement: Agreement, agree: Any, bundles: Any, trusts: Any, acme: Any, borealis: Any
) -> None:
    newer = agree(id="newer", supersedes=agreement.digest, effective="2026-05-01T00:00:00Z")
    signed = {party.organization: party.sign(newer) for party in (acme, borealis)}
    for now, expected in (
        (datetime(2026, 4, 30, tzinfo=UTC), []),
        (datetime(2026, 5, 1, tzinfo=UTC), ["agreement-superseded"]),
    ):
        later = standing(newer, signed, trusts, now)
        assert codes(standing(agreement, bundles, trusts, now, successors=[later])) == expected
    proposed = standing(newer, {"acme.example": signed["acme.example"]}, trusts, JUNE)
    assert standing(agreement, bundles, trusts, JUNE, successors=[proposed]).in_force


def test_others_cannot_supersede_what_is_not_theirs(
    agreement: Agreement, agree: Any, bundles: Any, trusts: Any, acme: Any, borealis: Any
) -> None:
    reverse = agree(supersedes=agreement.digest, provider="borealis.example", consumer="acme.example")
    signed = {party.organization: party.sign(reverse) for party in (acme, borealis)}
    later = standing(reverse, signed, trusts, JUNE)
    assert later.in_force
    assert standing(agreement, bundles, trusts, JUNE, successors=[later]).in_force
