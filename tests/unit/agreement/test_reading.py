"""What a person may write, what a partner may send, and what is said when they may not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.agreement import load_agreement, parse_agreement
from engine.agreement.reading import MAX_AGREEMENT_BYTES
from engine.errors import AgreementError


@pytest.fixture
def written(tmp_path: Path, sample: Path) -> Any:
    """Write the sample with one passage changed."""

    def write(old: str, new: str, *, name: str = "agreement.yaml") -> Path:
        text = sample.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return write


def test_the_shipped_sample_is_an_agreement(sample: Path) -> None:
    agreement = load_agreement(sample)
    assert agreement.parties == ("acme.example", "borealis.example")
    assert agreement.terms.purposes == ("evaluation",)
    assert agreement.terms.actions == ("copy", "execute", "view")
    assert agreement.terms.destinations == ("EU", "US")


def test_yaml_and_json_of_the_same_agreement_have_one_digest(sample: Path, tmp_path: Path) -> None:
    agreement = load_agreement(sample)
    path = tmp_path / "agreement.json"
    path.write_text(json.dumps(agreement.to_json(), indent=2), encoding="utf-8")
    assert load_agreement(path).digest == agreement.digest


def test_norway_is_a_region_and_not_false(written: Any) -> None:
    assert load_agreement(written("[EU, US]", "[EU, NO]")).terms.destinations == ("EU", "NO")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("view, copy, execute", "view, run", r"terms\.actions\.1: found \"run\", expected 'view'"),
        ("[EU, US]", "[eu]", r"terms\.destinations\.0: found \"eu\", expected a region"),
        ("[EU, US]", "[]", r"terms\.destinations: found \[\], expected at least one"),
        (
            "retention_days: 90",
            "retention_days: true",
            r"terms\.retention_days: found true, expected a valid integer",
        ),
        (
            "onward_transfer: false",
            "onward_transfer: no",
            r"onward_transfer: found \"no\", expected a valid boolean",
        ),
        ("retention_days: 90", "retention: 90", r"retention_days: not found, expected a value"),
        ("audit_rights:", "rights: 1\n  audit_rights:", r"terms\.rights: found 1, expected no such field"),
        ("agreement/v1", "agreement/v2", r"format: found \"lading/agreement/v2\", expected 'lading/agreement/v1'"),
        ("2026-01-01T00:00:00Z", "2026-01-01", r"effective: found \"2026-01-01\", expected RFC 3339"),
        ("2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", r"effective: found \"2026-13-01T00:00:00Z\""),
        ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "within the years 1 to 9999"),
        (
            "2026-01-01T00:00:00Z",
            "2046-01-01T00:00:00Z",
            "effective before expires, found 2046-01-01T00:00:00.000Z",
        ),
        ("[evaluation]", f"[{'x' * 500}]", "x…, expected a name"),
        ("terms:", '"\\e[2J": 1\nterms:', r'"\\u001b\[2J": found 1'),
        ("liability: Each", 'liability: "\\ud800" # Each', "Invalid JSON"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found_and_expected(written: Any, old: str, new: str, said: str) -> None:
    with pytest.raises(AgreementError, match=said) as caught:
        load_agreement(written(old, new))
    assert str(caught.value).isprintable()
    assert "samples/agreement.yaml" in caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("consumer:", "provider: evil.example\nconsumer:", "line 9, column 1: found the key 'provider' twice"),
        ("purposes:", "purposes: [sale]\n  purposes:", "the key 'purposes' twice"),
        ("id: ", "id: &name ", "an anchor or alias"),
        ("[EU, US]", "*places", "an anchor or alias"),
        ("id: ", "id: !!python/name:os.system ", "the tag"),
        ("terms:", "1: one\nterms:", "a key that is not text"),
        ("terms:", "? [a]\n: b\nterms:", "a key that is not text"),
        ("id: ", "id: " + "[" * 50_000, "recursion"),
        ("id: ", "id: \x07", "not allowed"),
        ("terms:", "---\nterms:", "another document"),
        ("[EU, US]", "[EU, US", "line "),
    ],
)
def test_yaml_that_is_more_than_it_looks_like_is_refused(written: Any, old: str, new: str, said: str) -> None:
    with pytest.raises(AgreementError, match=said):
        load_agreement(written(old, new))


def test_a_merge_key_is_only_a_strange_field(written: Any) -> None:
    with pytest.raises(AgreementError, match="<<: expected no such field"):
        load_agreement(written("terms:", "<<: {id: other}\nterms:"))


def test_json_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agreement.json"
    path.write_text('{"id": "a", "id": "b"}', encoding="utf-8")
    with pytest.raises(AgreementError, match="'id' stands twice"):
        load_agreement(path)


@pytest.mark.parametrize("document", ["", "null", "[]", "text", "5"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "agreement.yaml"
    path.write_text(document, encoding="utf-8")
    with pytest.raises(AgreementError, match="expected"):
        load_agreement(path)


def test_a_file_that_is_missing_too_large_or_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agreement.yaml"
    with pytest.raises(AgreementError, match=r"agreement\.yaml cannot be read: No such file"):
        load_agreement(path)
    path.write_bytes(b"#" * (MAX_AGREEMENT_BYTES + 1))
    with pytest.raises(AgreementError, match=f"more than {MAX_AGREEMENT_BYTES} bytes"):
        load_agreement(path)
    path.write_bytes(b"id: \xff")
    with pytest.raises(AgreementError, match="byte 4 is not UTF-8"):
        load_agreement(path)


def test_a_partners_canonical_bytes_are_read_back(agree: Any) -> None:
    agreement = agree()
    assert parse_agreement(agreement.canonical(), what="the proposal") == agreement


@pytest.mark.parametrize(
    "respell",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'"terms"', b'"supersedes":null,"terms"'),
        lambda data: data.replace(b',"trust":{}', b""),
        lambda data: data.replace(b"00.000Z", b"00Z"),
    ],
    ids=["space", "null", "default left out", "seconds"],
)
def test_another_spelling_of_the_same_agreement_is_refused(agree: Any, respell: Callable[[bytes], bytes]) -> None:
    with pytest.raises(AgreementError, match="canonical"):
        parse_agreement(respell(agree().canonical()), what="the proposal")


def test_sets_that_are_not_sorted_are_refused_from_a_partner(agree: Any) -> None:
    data = agree().canonical().replace(b'["EU","US"]', b'["US","EU"]')
    with pytest.raises(AgreementError, match="sets sorted"):
        parse_agreement(data, what="the proposal")


def test_a_partners_wrong_field_is_named_and_the_remedy_is_theirs(agree: Any) -> None:
    data = agree().canonical().replace(b'"EU"', b'"eu"')
    with pytest.raises(AgreementError, match=r"the proposal: terms\.destinations\.0: found \"eu\"") as caught:
        parse_agreement(data, what="the proposal")
    assert "Ask the partner" in caught.value.remedy
