"""One meaning, one canonical form, one digest."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from engine.agreement import Agreement, Benchmark
from engine.digest import canonical, sha256


def test_the_order_of_sets_on_paper_does_not_change_the_digest(agree: Any) -> None:
    one = agree(terms={"destinations": ("US", "EU"), "actions": ("view", "copy")}, accepted_formats=("onnx", "json"))
    other = agree(terms={"destinations": ("EU", "US"), "actions": ("copy", "view")}, accepted_formats=("json", "onnx"))
    assert one.digest == other.digest


def test_the_time_zone_on_paper_does_not_change_the_digest(agree: Any) -> None:
    zone = timezone(timedelta(hours=2))
    assert agree(effective="2026-01-01T02:00:00+02:00").digest == agree().digest
    assert agree(effective=datetime(2026, 1, 1, 2, tzinfo=zone)).digest == agree().digest


def test_the_order_of_benchmarks_does_not_change_the_digest(agree: Any) -> None:
    accuracy = Benchmark(metric="accuracy", dataset="sst2", min=0.9)
    latency = Benchmark(metric="latency-ms", dataset="sst2", max=20)
    assert agree(benchmarks=(latency, accuracy)).digest == agree(benchmarks=(accuracy, latency)).digest


@pytest.mark.parametrize(
    "changed",
    [
        {"expires": "2027-01-01T00:00:00.001Z"},
        {"id": "acme-borealis-2"},
        {"terms": {"onward_transfer": True}},
        {"terms": {"liability": "None."}},
        {"supersedes": "0" * 64},
        {"trust": {"acme.example": "0" * 64}},
        {"benchmarks": (Benchmark(metric="accuracy", dataset="sst2", min=0.9),)},
    ],
)
def test_whatever_changes_the_meaning_changes_the_digest(agree: Any, changed: dict[str, Any]) -> None:
    assert agree(**changed).digest != agree().digest


def test_the_statement_says_the_whole_agreement_about_its_own_digest(agree: Any) -> None:
    agreement: Agreement = agree()
    statement = json.loads(agreement.statement())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:lading:agreement:v1"
    assert statement["subject"] == [{"name": "acme-borealis", "digest": {"sha256": agreement.digest}}]
    assert sha256(canonical(statement["predicate"])) == agreement.digest


def test_what_is_not_set_is_absent_and_never_null(agree: Any) -> None:
    written = agree().to_json()
    assert "supersedes" not in written
    assert "liability" not in written["terms"]
    assert written["benchmarks"] == []
    assert written["trust"] == {}


def test_the_ceiling_is_the_rank_policies_compare(agree: Any) -> None:
    ranks = [
        agree(terms={"max_sensitivity": level}).terms.sensitivity_ceiling
        for level in ("public", "internal", "confidential", "restricted")
    ]
    assert ranks == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"consumer": "acme.example"}, "two organizations"),
        ({"provider": "../acme.example"}, "not an organization id"),
        ({"expires": "2026-01-01T00:00:00Z"}, "effective before expires"),
        ({"effective": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)}, "whole milliseconds"),
        ({"effective": datetime(2026, 1, 1)}, "timezone"),  # noqa: DTZ001 - the mistake under test
        ({"trust": {"evil.example": "0" * 64}}, "evil.example"),
        ({"trust": {"acme.example": "0" * 63}}, "64 lower-case"),
        ({"accepted_formats": ()}, "at least one"),
        ({"terms": {"actions": ("view", "view")}}, "'view' twice"),
        ({"terms": {"purposes": ("a",) * 2}}, "'a' twice"),
        ({"terms": {"retention_days": 1.0}}, "integer"),
        ({"terms": {"max_sensitivity": "secret"}}, "restricted"),
        ({"terms": {"liability": "gnp.exe\u202e"}}, "printable"),
        ({"surprise": 1}, "not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(agree: Any, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        agree(**fields)


@pytest.mark.parametrize(
    "bounds", [{}, {"min": 0.1, "max": 0.9}, {"min": float("nan")}, {"min": float("inf")}, {"max": 2.0**53}]
)
def test_a_benchmark_has_one_finite_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Benchmark(metric="accuracy", dataset="sst2", **bounds)


def test_one_metric_on_one_dataset_has_one_benchmark(agree: Any) -> None:
    twice = tuple(Benchmark(metric="accuracy", dataset="sst2", min=bound) for bound in (0.8, 0.9))
    with pytest.raises(ValidationError, match="twice"):
        agree(benchmarks=twice)


def test_a_benchmark_is_met_at_its_bound_and_within_its_tolerance() -> None:
    accuracy = Benchmark(metric="accuracy", dataset="sst2", min=0.5, tolerance=0.25)
    latency = Benchmark(metric="latency-ms", dataset="sst2", max=20)
    assert [accuracy.met_by(value) for value in (1.0, 0.25, 0.24)] == [True, True, False]
    assert [latency.met_by(value) for value in (0.0, 20, 20.1)] == [True, True, False]
    assert not accuracy.met_by(float("nan"))
    assert (accuracy.bound, latency.bound) == ("at least 0.5 within 0.25", "at most 20")
