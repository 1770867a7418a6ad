"""Agreements on disk: found by digest, prefix or id; altered ones are never believed."""

from pathlib import Path
from typing import Any

import pytest

from engine.agreement import AgreementFolder
from engine.agreement.folder import MAX_BUNDLE_BYTES
from engine.errors import AgreementError, DigestMismatch


@pytest.fixture
def folder(tmp_path: Path) -> AgreementFolder:
    return AgreementFolder(tmp_path / "agreements")


def test_an_agreement_is_found_by_digest_prefix_and_id(folder: AgreementFolder, agree: Any) -> None:
    agreement = agree()
    digest = folder.put(agreement)
    assert digest == agreement.digest
    assert [folder.get(ref) for ref in (digest, digest[:8], "acme-borealis")] == [agreement] * 3


def test_putting_it_again_changes_nothing(folder: AgreementFolder, agree: Any) -> None:
    assert folder.put(agree()) == folder.put(agree())
    assert folder.list() == (agree(),)


def test_an_unknown_reference_lists_what_is_known(folder: AgreementFolder, agree: Any) -> None:
    with pytest.raises(AgreementError, match="known: none"):
        folder.get("acme-borealis")
    folder.put(agree())
    with pytest.raises(AgreementError, match=rf"no agreement 'x' here; known: acme-borealis \({agree().digest[:12]}\)"):
        folder.get("x")


def test_a_prefix_of_seven_characters_is_too_short(folder: AgreementFolder, agree: Any) -> None:
    digest = folder.put(agree())
    with pytest.raises(AgreementError, match="no agreement"):
        folder.get(digest[:7])


def test_a_name_that_two_agreements_share_is_not_guessed(folder: AgreementFolder, agree: Any) -> None:
    digests = [folder.put(agree(terms={"retention_days": days})) for days in (30, 60)]
    with pytest.raises(AgreementError, match="names 2 agreements") as caught:
        folder.get("acme-borealis")
    assert all(digest[:12] in str(caught.value) for digest in digests)


def test_agreements_are_listed_by_when_they_begin(folder: AgreementFolder, agree: Any) -> None:
    later, earlier = agree(id="later", effective="2026-06-01T00:00:00Z"), agree(id="earlier")
    folder.put(later)
    folder.put(earlier)
    assert [each.id for each in folder.list()] == ["earlier", "later"]


def test_an_altered_agreement_is_not_believed(folder: AgreementFolder, agree: Any, tmp_path: Path) -> None:
    digest = folder.put(agree())
    path = tmp_path / "agreements" / digest / "agreement.json"
    path.write_bytes(agree(terms={"onward_transfer": True}).canonical())
    with pytest.raises(DigestMismatch, match="was altered"):
        folder.get(digest)


def test_a_put_that_a_crash_cut_short_is_not_an_agreement(folder: AgreementFolder, agree: Any, tmp_path: Path) -> None:
    folder.put(agree())
    (tmp_path / "agreements" / ("0" * 64)).mkdir()
    (tmp_path / "agreements" / "notes").mkdir()
    assert folder.list() == (agree(),)


def test_signatures_are_kept_per_party_and_the_last_one_counts(folder: AgreementFolder, agree: Any) -> None:
    digest = folder.put(agree())
    assert folder.bundles(digest) == {}
    folder.put_bundle(digest, "acme.example", b"first")
    folder.put_bundle(digest, "acme.example", b"second")
    folder.put_bundle(digest, "borealis.example", b"theirs")
    assert folder.bundles(digest) == {"acme.example": b"second", "borealis.example": b"theirs"}


@pytest.mark.parametrize("stranger", ["evil.example", "../../acme.example", ""])
def test_a_stranger_signs_nothing_here(folder: AgreementFolder, agree: Any, stranger: str) -> None:
    digest = folder.put(agree())
    with pytest.raises(AgreementError, match=r"no party.*expected acme\.example or borealis\.example"):
        folder.put_bundle(digest, stranger, b"{}")


def test_an_enormous_signature_is_refused(folder: AgreementFolder, agree: Any) -> None:
    digest = folder.put(agree())
    with pytest.raises(AgreementError, match=f"expected at most {MAX_BUNDLE_BYTES}"):
        folder.put_bundle(digest, "acme.example", bytes(MAX_BUNDLE_BYTES + 1))


@pytest.mark.parametrize("digest", ["0" * 64, "..", "agreement"])
def test_a_signature_needs_an_agreement_that_is_here(folder: AgreementFolder, digest: str) -> None:
    with pytest.raises(AgreementError, match="no agreement with the digest"):
        folder.put_bundle(digest, "acme.example", b"{}")


def test_successors_are_found_through_each_other(folder: AgreementFolder, agree: Any) -> None:
    first = agree(id="first")
    second = agree(id="second", supersedes=folder.put(first))
    third = agree(id="third", supersedes=folder.put(second))
    folder.put(third)
    folder.put(agree(id="unrelated"))
    assert [each.id for each in folder.successors(first)] == ["second", "third"]
    assert folder.successors(third) == ()
