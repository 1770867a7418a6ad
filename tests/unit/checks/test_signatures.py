"""Does the origin vouch for exactly these files and this manifest? Real signatures, wrong in one way each."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.checks import Evidence
from engine.checks.signatures import check_signatures
from engine.digest import canonical
from engine.findings import Finding, Severity
from engine.signing import manifest_statement, model_statement
from engine.signing.statement import oms_digest

Change = Callable[[Any], None]


def codes(evidence: Evidence) -> list[str]:
    return [finding.code for finding in check_signatures(evidence)]


def files(evidence: Evidence) -> list[tuple[str, str]]:
    return [(file.path, file.sha256) for file in evidence.manifest.files]


def respoken(evidence: Evidence, change: Change) -> bytes:
    """The model statement with its predicate changed and its subject as it was."""
    statement = json.loads(model_statement("sentiment", files(evidence)))
    change(statement["predicate"])
    return canonical(statement)


def test_what_the_origin_signed_is_clean(evidence: Evidence) -> None:
    assert codes(evidence) == []


def test_without_the_origins_trust_nothing_is_believed(evidence: Evidence) -> None:
    (finding,) = check_signatures(replace(evidence, origin=None))
    assert (finding.code, finding.subject) == ("origin-unknown", "acme.example")
    assert "found none" in finding.message


def test_another_organizations_trust_is_not_the_origins(evidence: Evidence, acme: Any) -> None:
    theirs = replace(acme.trust, organization="evil.example")
    (finding,) = check_signatures(replace(evidence, origin=theirs))
    assert finding.code == "origin-unknown"
    assert "found that of evil.example" in finding.message


@pytest.mark.parametrize("field", ["model_signature", "manifest_attestation"])
@pytest.mark.parametrize("garbage", [b"", b"null", b"\xff\xfe"])
def test_a_bundle_that_cannot_be_read_is_not_clean(evidence: Evidence, field: str, garbage: bytes) -> None:
    name = field.replace("_", "-")
    assert codes(replace(evidence, **{field: garbage})) == [f"{name}-invalid"]


def test_the_two_bundles_cannot_stand_for_each_other(evidence: Evidence) -> None:
    swapped = replace(
        evidence,
        model_signature=evidence.manifest_attestation,
        manifest_attestation=evidence.model_signature,
    )
    assert codes(swapped) == ["model-signature-invalid", "manifest-attestation-invalid"]


def test_somebody_who_may_not_sign_models_vouches_for_nothing(evidence: Evidence, acme: Any) -> None:
    signature = acme.sign(model_statement("sentiment", files(evidence)), person="mallory")
    (finding,) = check_signatures(replace(evidence, model_signature=signature))
    assert finding.code == "model-signature-untrusted"
    assert "mallory@acme.example" in finding.message


def test_an_identity_is_only_good_for_the_statements_it_is_listed_for(evidence: Evidence, acme: Any) -> None:
    (ada,) = acme.trust.identities
    models_only = replace(ada, predicate_types=ada.predicate_types[:1])
    assert codes(replace(evidence, origin=replace(acme.trust, identities=(models_only,)))) == [
        "manifest-attestation-untrusted"
    ]


@pytest.mark.parametrize(
    ("signed", "code", "subject"),
    [
        (lambda listed: listed[1:], "model-signature-omits-file", "config.json"),
        (lambda listed: [*listed, ("payload.py", "0" * 64)], "model-signature-extra-file", "payload.py"),
        (lambda listed: [("config.json", "0" * 64), *listed[1:]], "model-signature-other-digest", "config.json"),
    ],
)
def test_a_signature_over_other_files_names_the_difference(
    evidence: Evidence, acme: Any, signed: Callable[[Any], Any], code: str, subject: str
) -> None:
    signature = acme.sign(model_statement("sentiment", signed(files(evidence))))
    (finding,) = check_signatures(replace(evidence, model_signature=signature))
    assert (finding.code, finding.severity, finding.subject) == (code, Severity.ERROR, subject)
    assert "found" in finding.message
    assert "expected" in finding.message


def test_a_signed_name_cannot_play_tricks_on_a_screen(evidence: Evidence, acme: Any) -> None:
    trick = respoken(evidence, lambda predicate: predicate["resources"][0].update(name="\x1b[2J"))
    subjects = [finding.subject for finding in check_signatures(replace(evidence, model_signature=acme.sign(trick)))]
    assert subjects == [r"'\x1b[2J'", "config.json"]


def test_a_renamed_file_is_missing_under_one_name_and_extra_under_the_other(evidence: Evidence, acme: Any) -> None:
    renamed = [("config.txt" if path == "config.json" else path, digest) for path, digest in files(evidence)]
    signature = acme.sign(model_statement("sentiment", renamed))
    assert codes(replace(evidence, model_signature=signature)) == [
        "model-signature-omits-file",
        "model-signature-extra-file",
    ]


def test_a_subject_that_is_not_the_digest_of_the_resources_is_refused(evidence: Evidence, acme: Any) -> None:
    wrong = model_statement("sentiment", files(evidence)).replace(
        oms_digest(
            [
                (each["name"], each["digest"])
                for each in json.loads(model_statement("sentiment", files(evidence)))["predicate"]["resources"]
            ]
        ).encode(),
        b"0" * 64,
    )
    assert codes(replace(evidence, model_signature=acme.sign(wrong))) == ["model-signature-subject"]


@pytest.mark.parametrize(
    "change",
    [
        lambda predicate: predicate.pop("resources"),
        lambda predicate: predicate.update(resources={}),
        lambda predicate: predicate["resources"].append("config.json"),
        lambda predicate: predicate["resources"].append(predicate["resources"][0]),
        lambda predicate: predicate["resources"][0].update(algorithm="sha1"),
        lambda predicate: predicate["resources"][0].update(digest="AB" * 32),
        lambda predicate: predicate["resources"][0].update(name=None),
    ],
    ids=["no list", "a mapping", "a bare name", "twice", "another hash", "upper case", "no name"],
)
def test_resources_that_cannot_be_read_are_not_clean(evidence: Evidence, acme: Any, change: Change) -> None:
    signature = acme.sign(respoken(evidence, change))
    assert codes(replace(evidence, model_signature=signature)) == ["model-signature-unreadable"]


@pytest.mark.parametrize(
    ("root", "digest", "expected"),
    [
        ("0" * 64, None, ["manifest-attestation-other-root"]),
        (None, "0" * 64, ["manifest-attestation-other-manifest"]),
        ("0" * 64, "0" * 64, ["manifest-attestation-other-root", "manifest-attestation-other-manifest"]),
    ],
)
def test_an_attestation_of_another_artifact_or_manifest_is_refused(
    evidence: Evidence, acme: Any, root: str | None, digest: str | None, expected: list[str]
) -> None:
    manifest = evidence.manifest
    statement = manifest_statement("sentiment", root or manifest.root, digest or manifest.digest)
    assert codes(replace(evidence, manifest_attestation=acme.sign(statement))) == expected


@pytest.mark.parametrize(
    "references",
    [None, [], [{}], [{"digest": {"sha256": 5}}], "both"],
    ids=["none", "empty", "no digest", "a number", "two"],
)
def test_an_attestation_names_one_manifest_and_no_other(evidence: Evidence, acme: Any, references: Any) -> None:
    manifest = evidence.manifest
    statement = json.loads(manifest_statement("sentiment", manifest.root, manifest.digest))
    genuine = statement["predicate"]["references"]
    other = [{"digest": {"sha256": "0" * 64}}]
    statement["predicate"]["references"] = [*genuine, *other] if references == "both" else references
    found: list[Finding] = list(
        check_signatures(replace(evidence, manifest_attestation=acme.sign(canonical(statement))))
    )
    assert [finding.code for finding in found] == ["manifest-attestation-other-manifest"]
    assert "found no single reference" in found[0].message


def test_a_manifest_that_was_changed_after_signing_is_caught(evidence: Evidence, rewritten: Any) -> None:
    softened = rewritten(evidence.manifest, sensitivity="public")
    assert codes(replace(evidence, manifest=softened)) == ["manifest-attestation-other-manifest"]
