"""Does the agreement bind, and does it cover this use of this artifact?"""

from dataclasses import replace
from typing import Any

import pytest

from engine.agreement import Benchmark
from engine.checks.agreement import check_agreement
from engine.findings import Finding, Severity

ACCURACY = Benchmark(metric="accuracy", dataset="sst2", min=0.9, tolerance=0.01)
OTHER_CLAIM = {"name": "accuracy", "dataset": "imdb", "value": 0.1}


def seen(standing: Any, use: Any, manifest: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.subject) for finding in check_agreement(standing, use, manifest)]


def test_a_use_within_the_terms_is_clean(covering: Any, use: Any, model: Any) -> None:
    assert seen(covering(), use, model.manifest) == []


def test_what_keeps_an_agreement_from_binding_is_reported(covering: Any, use: Any, model: Any) -> None:
    expired = Finding("agreement-expired", Severity.ERROR, "agreement", "it expired", "Agree anew.")
    standing = replace(covering(), problems=(expired,))
    assert list(check_agreement(standing, use, model.manifest)) == [expired]


@pytest.mark.parametrize(
    "changed",
    [
        {"sender": "borealis.example", "receiver": "acme.example"},
        {"receiver": "evil.example"},
        {"sender": "evil.example"},
    ],
    ids=["the other direction", "another receiver", "another sender"],
)
def test_it_covers_these_two_in_this_direction_only(covering: Any, use: Any, model: Any, changed: Any) -> None:
    (finding,) = check_agreement(covering(), replace(use, **changed), model.manifest)
    assert finding.code == "agreement-other-parties"
    assert "expected acme.example handing to borealis.example" in finding.message


def test_a_purpose_that_was_not_agreed_is_refused(covering: Any, use: Any, model: Any) -> None:
    (finding,) = check_agreement(covering(), replace(use, purpose="resale"), model.manifest)
    assert (finding.code, finding.subject) == ("purpose-not-covered", "purpose")
    assert "expected one of: evaluation, research" in finding.message


@pytest.mark.parametrize("region", ["DE", "eu", ""])
def test_a_region_is_compared_as_written(covering: Any, use: Any, model: Any, region: str) -> None:
    assert seen(covering(), replace(use, region=region), model.manifest) == [("destination-not-covered", "destination")]


def test_what_a_partner_writes_cannot_play_tricks_on_a_screen(covering: Any, use: Any, model: Any) -> None:
    (finding,) = check_agreement(covering(), replace(use, purpose="\x1b[2J\ud800" * 1000), model.manifest)
    assert finding.message.isascii()
    assert finding.message.isprintable()
    assert len(finding.message) < 200


@pytest.mark.parametrize("sensitivity", ["public", "internal"])
def test_an_artifact_up_to_the_ceiling_may_travel(covering: Any, use: Any, model: Any, sensitivity: str) -> None:
    assert seen(covering(), use, model.manifest.model_copy(update={"sensitivity": sensitivity})) == []


@pytest.mark.parametrize("sensitivity", ["confidential", "restricted", "cosmic"])
def test_an_artifact_above_the_ceiling_or_of_unknown_rank_may_not(
    covering: Any, use: Any, model: Any, sensitivity: str
) -> None:
    manifest = model.manifest.model_copy(update={"sensitivity": sensitivity})
    assert seen(covering(), use, manifest) == [("sensitivity-above-ceiling", "sensitivity")]


def test_every_file_in_a_format_that_was_not_agreed_is_named(covering: Any, use: Any, model: Any) -> None:
    standing = covering(accepted_formats=("safetensors",))
    assert ("format-not-accepted", "config.json") in seen(standing, use, model.manifest)
    assert ("format-not-accepted", "model.safetensors") not in seen(standing, use, model.manifest)


def test_a_claim_that_meets_the_benchmark_is_clean(covering: Any, use: Any, model: Any, rewritten: Any) -> None:
    claims = [{"name": "accuracy", "dataset": "sst2", "value": 0.895}, OTHER_CLAIM]
    manifest = rewritten(model.manifest, metrics=claims)
    assert seen(covering(benchmarks=(ACCURACY,)), use, manifest) == []


def test_a_claim_short_of_the_benchmark_is_an_error(covering: Any, use: Any, model: Any, rewritten: Any) -> None:
    manifest = rewritten(model.manifest, metrics=[{"name": "accuracy", "dataset": "sst2", "value": 0.88}])
    (finding,) = check_agreement(covering(benchmarks=(ACCURACY,)), use, manifest)
    assert (finding.code, finding.severity, finding.subject) == (
        "benchmark-missed",
        Severity.ERROR,
        "accuracy on sst2",
    )
    assert "claims 0.88, expected at least 0.9 within 0.01" in finding.message


def test_a_benchmark_that_nobody_claims_is_a_warning(covering: Any, use: Any, model: Any, rewritten: Any) -> None:
    manifest = rewritten(model.manifest, metrics=[OTHER_CLAIM])
    (finding,) = check_agreement(covering(benchmarks=(ACCURACY,)), use, manifest)
    assert (finding.code, finding.severity) == ("benchmark-not-claimed", Severity.WARNING)
