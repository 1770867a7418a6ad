"""Statements have one encoding, and are read back strictly."""

import json

import pytest

from engine.digest import canonical, sha256
from engine.errors import BadSignature, InputError
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, manifest_statement, model_statement, statement
from engine.signing.statement import parse_statement

ROOT, OTHER = "a" * 64, "b" * 64


def parse(payload: bytes, predicate_type: str = MANIFEST_REFERENCE) -> str:
    return parse_statement(payload, predicate_type=predicate_type, what="the bundle")[1]


def test_a_statement_is_canonical_json() -> None:
    made = statement("sentiment", ROOT, "urn:lading:verdict:v1", {"b": 1, "a": 2})

    assert made == canonical(json.loads(made))
    assert json.loads(made)["subject"] == [{"name": "sentiment", "digest": {"sha256": ROOT}}]


def test_a_subject_needs_a_sha256() -> None:
    with pytest.raises(InputError, match="64 lower-case"):
        statement("sentiment", "A" * 64, "urn:lading:verdict:v1", {})


def test_a_model_is_named_by_its_digests_in_the_order_of_paths() -> None:
    made = json.loads(model_statement("sentiment", [("a.txt", ROOT), ("a/b", OTHER)]))

    names = [resource["name"] for resource in made["predicate"]["resources"]]
    assert names == ["a/b", "a.txt"]
    assert made["subject"][0]["digest"]["sha256"] == sha256(bytes.fromhex(OTHER + ROOT))
    assert made["predicateType"] == MODEL_SIGNATURE


def test_the_order_in_which_files_are_given_does_not_matter() -> None:
    files = [("a.txt", ROOT), ("a/b", OTHER)]

    assert model_statement("sentiment", files) == model_statement("sentiment", files[::-1])


def test_a_manifest_reference_has_what_in_toto_demands() -> None:
    made = json.loads(manifest_statement("sentiment", ROOT, OTHER))

    [reference] = made["predicate"]["references"]
    assert reference["downloadLocation"] == f"urn:lading:manifest:{OTHER}"
    assert reference["digest"] == {"sha256": OTHER}
    assert reference["mediaType"]
    assert made["predicate"]["attester"]["id"]


def test_what_was_built_is_read_back() -> None:
    parsed, subject = parse_statement(
        manifest_statement("sentiment", ROOT, OTHER), predicate_type=MANIFEST_REFERENCE, what="it"
    )

    assert subject == ROOT
    assert parsed["predicateType"] == MANIFEST_REFERENCE


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1", "_type"),
        ("predicateType", MODEL_SIGNATURE, "predicateType"),
        ("predicate", [], "predicate is"),
        ("subject", [], "exactly one subject"),
        ("subject", [{"digest": {"sha256": ROOT}}, {"digest": {"sha256": OTHER}}], "exactly one subject"),
        ("subject", ["sentiment"], "digest"),
        ("subject", [{"name": "x", "digest": {"sha512": ROOT}}], "sha256"),
        ("subject", [{"name": "x", "digest": {"sha256": ROOT.upper()}}], "sha256"),
        ("subject", [{"name": "x", "digest": "none"}], "sha256"),
    ],
)
def test_any_other_statement_is_refused(field: str, value: object, said: str) -> None:
    changed = {**json.loads(manifest_statement("sentiment", ROOT, OTHER)), field: value}

    with pytest.raises(BadSignature, match=said):
        parse(json.dumps(changed).encode())


@pytest.mark.parametrize("payload", [b"[]", b"\xff", b"{", b'{"_type": 1, "_type": 2}', b"1"])
def test_a_payload_with_no_or_two_readings_is_refused(payload: bytes) -> None:
    with pytest.raises(BadSignature):
        parse(payload)


@pytest.mark.parametrize("value", [b"1e999", b"9007199254740993", b'"\\ud800"'])
def test_values_that_other_languages_read_differently_are_refused(value: bytes) -> None:
    payload = manifest_statement("sentiment", ROOT, OTHER).replace(b'"sentiment"', value)

    with pytest.raises(BadSignature):
        parse(payload)


def test_what_is_found_is_shown_without_terminal_escapes() -> None:
    payload = json.dumps({"_type": "\x1b[2Jhello" + "x" * 1000}).encode()

    with pytest.raises(BadSignature) as caught:
        parse(payload)

    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500
