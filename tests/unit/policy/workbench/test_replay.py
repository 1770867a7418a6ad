"""Replaying recorded decisions: what a candidate changes, and why; and the same bundle changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.digest import sha256
from engine.errors import DigestMismatch, InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import Decision
from engine.policy.recorded import RecordedDecision
from engine.policy.workbench.replay import Kind, replay
from engine.policy.workbench.suite import load_suites
from engine.workspace.governing.replaying import markdown, read_decisions, replay_file
from tests.unit.policy.worlds import DOC, NOON, PERMIT_ALL, ROOT, SCHEMA, WORLD, asking, rule


def engine_of(tmp_path: Path, text: str) -> PolicyEngine:
    folder = tmp_path / f"policies-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (folder / "a.cedarschema").write_text(SCHEMA)
    (folder / "a.cedar").write_text(text)
    return PolicyEngine(PolicyBundle.load(folder))


def forbid(action: str) -> str:
    return rule(f"deny-{action}", f'forbid (principal, action == Action::"{action}", resource)')


def recorded(decision: Decision) -> RecordedDecision:
    return RecordedDecision.read(decision.id, decision.record, decision.slice)


@pytest.fixture(scope="module")
def starter_decisions() -> list[RecordedDecision]:
    """Every decision of the starter suites, as it would be recorded."""
    bundle = PolicyBundle.load(ROOT / "policies")
    return [
        recorded(outcome.decision)
        for suite in load_suites(ROOT / "policies" / "tests")
        for outcome in suite.run(bundle)
        if json.loads(outcome.decision.record)["request"] is not None
    ]


def test_the_same_bundle_changes_nothing(starter_decisions: list[RecordedDecision]) -> None:
    report = replay(starter_decisions, PolicyEngine(PolicyBundle.load(ROOT / "policies")))

    assert report.changes == []
    assert report.effect.startswith("nothing changes in ")
    assert report.unchanged == report.decisions > 100
    assert {why for _, why in report.unrepeatable} <= {"a guard spoke before its entities were gathered"}


def test_what_a_candidate_newly_allows_and_denies_is_told_with_the_reason(tmp_path: Path) -> None:
    before = engine_of(
        tmp_path, PERMIT_ALL + rule("deny-erase", 'forbid (principal, action == Action::"erase", resource)')
    )
    after = engine_of(
        tmp_path, PERMIT_ALL + rule("deny-read", 'forbid (principal, action == Action::"read", resource)')
    )
    decided = [recorded(before.decide(asking(action), WORLD, NOON)) for action in ("write", "erase", "read")]

    report = replay(decided, after)

    [allowed], [denied] = report.of(Kind.ALLOWED), report.of(Kind.DENIED)
    assert (allowed.before.request.action, allowed.before.because) == ("erase", ("deny-erase",))
    assert (denied.before.request.action, denied.after.because) == ("read", ("deny-read",))
    assert report.effect == "1 newly allowed, 1 newly denied, 1 unchanged of 3 recorded decisions"
    assert "deny-read" in markdown(report)


def test_a_forbid_that_overflows_under_the_candidate_is_newly_failing(tmp_path: Path) -> None:
    before = engine_of(tmp_path, PERMIT_ALL)
    after = engine_of(
        tmp_path,
        PERMIT_ALL
        + rule("deny-much", "forbid (principal, action, resource) when { principal.level * 9223372036854775807 > 5 }"),
    )

    report = replay([recorded(before.decide(asking(), WORLD, NOON))], after)

    [failing] = report.of(Kind.FAILING)
    assert failing.after.failsafe == "forbid-errored"


def test_another_reason_for_the_same_answer_is_told(tmp_path: Path) -> None:
    before, after = (
        engine_of(tmp_path, PERMIT_ALL),
        engine_of(tmp_path, PERMIT_ALL.replace('@id("allow")', '@id("let")')),
    )

    report = replay([recorded(before.decide(asking(), WORLD, NOON))], after)

    assert [change.kind for change in report.changes] == [Kind.REASONS]


def test_decisions_are_replayed_at_their_own_moment(tmp_path: Path) -> None:
    text = rule("early", 'permit (principal, action, resource) when { context.now < datetime("2026-06-01T12:00:01Z") }')
    engine = engine_of(tmp_path, text)

    report = replay([recorded(engine.decide(asking(), WORLD, NOON))], engine)

    assert (report.unchanged, report.changes) == (1, [])


def test_what_was_not_kept_is_counted_and_named(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, PERMIT_ALL)
    kept = recorded(engine.decide(asking(), WORLD, NOON))

    report = replay([replace(kept, entities=None)], engine)

    assert report.unrepeatable == [(kept.id, "the entities it rested on are not kept any more")]
    assert report.effect == "no recorded decision could be replayed"


def lines(path: Path, *changes: dict[str, object]) -> Iterator[RecordedDecision]:
    path.write_text("".join(json.dumps(each) + "\n" for each in changes))
    return read_decisions(path)


def test_a_line_that_is_no_decision_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"d\.jsonl:1 is not a recorded decision"):
        list(lines(tmp_path / "d.jsonl", {"id": "x"}))


def test_an_altered_record_is_refused(tmp_path: Path) -> None:
    decision = engine_of(tmp_path, PERMIT_ALL).decide(asking(), WORLD, NOON)
    record = decision.record.decode().replace('"permit"', '"deny"')

    with pytest.raises(DigestMismatch):
        list(lines(tmp_path / "d.jsonl", {"id": decision.id, "record": record, "entities": None}))


def test_altered_entities_are_refused(tmp_path: Path) -> None:
    decision = engine_of(tmp_path, PERMIT_ALL).decide(asking(), WORLD, NOON)
    assert decision.slice is not None
    entities = decision.slice.decode().replace('"level":3', '"level":9')

    with pytest.raises(DigestMismatch):
        list(lines(tmp_path / "d.jsonl", {"id": decision.id, "record": decision.record.decode(), "entities": entities}))


@pytest.mark.parametrize(
    "record",
    [
        "{}",
        "[]",
        '{"request": 5, "entities": null}',
        '{"request": null, "decision": "deny", "entities": null}',
    ],
)
def test_a_record_that_lacks_what_records_have_is_named(tmp_path: Path, record: str) -> None:
    id_ = sha256(record.encode())[:32]

    with pytest.raises(InputError, match=r"d\.jsonl:1 is not a recorded decision"):
        list(lines(tmp_path / "d.jsonl", {"id": id_, "record": record, "entities": None}))


def test_decisions_of_a_file_before_a_moment_are_left_out(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, PERMIT_ALL)
    kept = [engine.decide(asking(), WORLD, NOON + timedelta(hours=hours)) for hours in (2, 1, 0)]
    file = tmp_path / "d.jsonl"
    list(
        lines(
            file,
            *(
                {"id": each.id, "record": each.record.decode(), "entities": each.slice.decode()}
                for each in kept
                if each.slice
            ),
        )
    )
    candidate = tmp_path / "policies-0"

    def decisions(since: datetime | None, limit: int | None) -> int:
        return replay_file(file, candidate, since=since, limit=limit, progress=lambda _: None).decisions

    assert decisions(NOON + timedelta(hours=1), None) == 2
    assert decisions(NOON + timedelta(hours=1), 1) == 1
    assert decisions(None, None) == 3


def test_what_was_denied_before_is_told_with_its_conditions(tmp_path: Path) -> None:
    before = engine_of(
        tmp_path, PERMIT_ALL + rule("low", "forbid (principal, action, resource) when { principal.level < 9 }")
    )

    report = replay([recorded(before.decide(asking(), WORLD, NOON))], engine_of(tmp_path, PERMIT_ALL))

    assert "`principal.level < 9 is true with principal.level = 3`" in markdown(report)


def test_no_value_ends_the_code_it_is_shown_in(tmp_path: Path) -> None:
    title = "x`\n\n## Approved\n``<img src=x>\u202e"
    world = tuple(
        replace(each, attributes={**each.attributes, "title": title}) if each.uid == DOC else each for each in WORLD
    )
    before = engine_of(tmp_path, PERMIT_ALL)
    after = engine_of(
        tmp_path, PERMIT_ALL + rule("odd", 'forbid (principal, action, resource) when { resource.title like "x*" }')
    )

    worded = markdown(replay([recorded(before.decide(asking(), world, NOON))], after))

    [line] = [each for each in worded.splitlines() if "resource.title" in each]
    assert line.strip().removeprefix("- ").startswith("``` ")
    assert line.endswith(" ```")
    assert line.count("```") == 2
    assert "\n## Approved" not in worded
    assert "\u202e" not in worded


@pytest.mark.parametrize("short", ["", "a", "abcde"])
def test_a_decision_is_named_by_six_characters_at_least(short: str) -> None:
    with pytest.raises(InputError, match="6 to 64 lower-case hexadecimal"):
        RecordedDecision.read(short, b"{}", None)
