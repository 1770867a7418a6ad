"""Whatever two organizations agree on: one canonical form, read back alike from bytes and from YAML."""

import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.agreement import Agreement, Benchmark, load_agreement, parse_agreement

quick = settings(max_examples=50)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
regions = st.from_regex(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
prose = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda text: text.replace("\n", "").isprintable()
)
numbers = st.floats(-(2**53) + 1, 2**53 - 1)


def sets(items: st.SearchStrategy[Any], *, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=6, unique=True).map(tuple)


benchmarks = st.builds(
    lambda metric, dataset, bound, tolerance, side: Benchmark(
        metric=metric, dataset=dataset, tolerance=tolerance, **{side: bound}
    ),
    prose,
    prose,
    numbers,
    numbers.map(abs),
    st.sampled_from(["min", "max"]),
)
terms = st.fixed_dictionaries(
    {
        "purposes": sets(names, least=1),
        "actions": sets(st.sampled_from(["view", "copy", "execute", "deploy", "derive"]), least=1),
        "destinations": sets(regions, least=1),
        "retention_days": st.integers(0, 36_525),
        "deletion_duty": st.sampled_from(["none", "delete", "attest"]),
        "max_sensitivity": st.sampled_from(["public", "internal", "confidential", "restricted"]),
        "onward_transfer": st.booleans(),
        "ownership": st.sampled_from(["provider", "consumer", "joint"]),
        "audit_rights": st.booleans(),
        "controls": sets(names),
    },
    optional={"liability": prose, "prose_sha256": digests},
)
fields = st.fixed_dictionaries(
    {
        "format": st.just("lading/agreement/v1"),
        "id": names,
        "provider": st.just("acme.example"),
        "consumer": st.just("borealis.example"),
        "window": st.lists(moments, min_size=2, max_size=2, unique=True).map(sorted),
        "accepted_formats": sets(names, least=1),
        "terms": terms,
        "trust": st.dictionaries(st.sampled_from(["acme.example", "borealis.example"]), digests),
        "benchmarks": st.lists(benchmarks, max_size=3, unique_by=lambda each: (each.metric, each.dataset)).map(tuple),
    },
    optional={"supersedes": digests},
)


def build(values: dict[str, Any]) -> Agreement:
    effective, expires = values["window"]
    rest = {key: value for key, value in values.items() if key != "window"}
    return Agreement.model_validate(rest | {"effective": effective, "expires": expires})


@quick
@given(fields)
def test_canonical_bytes_are_read_back_to_the_same_agreement(values: dict[str, Any]) -> None:
    agreement = build(values)
    again = parse_agreement(agreement.canonical(), what="it")
    assert again == agreement
    assert again.digest == agreement.digest


@quick
@given(fields, st.randoms(use_true_random=False))
def test_no_order_on_paper_changes_the_digest(values: dict[str, Any], chance: random.Random) -> None:
    def shuffled(value: Any) -> Any:
        return tuple(chance.sample(value, len(value))) if isinstance(value, tuple) else value

    terms_shuffled = {key: shuffled(value) for key, value in values["terms"].items()}
    other = {key: shuffled(value) for key, value in values.items()} | {"terms": terms_shuffled}
    assert build(other).digest == build(values).digest


@quick
@given(fields)
def test_what_any_yaml_writer_writes_is_read_as_it_was_meant(values: dict[str, Any]) -> None:
    agreement = build(values)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "agreement.yaml"
        path.write_text(yaml.safe_dump(agreement.to_json(), allow_unicode=True), encoding="utf-8")
        assert load_agreement(path).digest == agreement.digest
