"""Test suites of policies: what a case may say, and when a suite fails."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.policy.bundle import PolicyBundle
from engine.policy.model import EntityUid
from engine.policy.workbench.form import Thresholds, read_uid, suite_schema
from engine.policy.workbench.suite import Suite, SuiteReport, load_suites, run_suites
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import ROOT, rule

WORLD = """
- uid: {type: User, id: ada}
  attrs: {level: 3}
- uid: {type: Doc, id: plan}
  attrs: {owner: {type: User, id: ada}, title: Plan}
"""
HEAD = """
suite: small
now: 2026-06-01T12:00:00Z
entities: world.yaml
defaults:
  request: {principal: "User::ada", action: write, resource: "Doc::plan"}
  context: {limit: 5}
cases:
"""
MATRIX = """
matrix:
  - name: who writes
    actions: [write, read]
    resources: [Doc::plan]
    principals: [User::joe]
    entities: {User::joe: {attrs: {level: 1}}}
    permitted:
      User::ada: [write]
"""
POLICIES = rule("high", "permit (principal, action, resource) when { principal.level > 2 }") + rule(
    "old", 'forbid (principal, action, resource) when { context.now > datetime("2027-01-01") }'
)


@pytest.fixture
def suite(tmp_path: Path) -> Any:
    """A suite over the small world, of these cases."""

    def write(cases: str, *, head: str = HEAD) -> Suite:
        (tmp_path / "world.yaml").write_text(WORLD, encoding="utf-8")
        path = tmp_path / "small.yaml"
        path.write_text(head + cases, encoding="utf-8")
        return Suite.load(path)

    return write


@pytest.fixture
def run(suite: Any, folder: Folder) -> Any:
    """The report of such a suite."""

    def report(cases: str, *, head: str = HEAD) -> SuiteReport:
        return run_suites(PolicyBundle.load(folder(POLICIES)), [suite(cases, head=head)])

    return report


def test_the_shipped_sample_passes(starter: PolicyBundle) -> None:
    report = run_suites(starter, [Suite.load(ROOT / "samples" / "suite.yaml")])
    assert report.failures == ()
    assert len(report.outcomes) == 11


def test_a_suite_passes_when_every_answer_and_every_reason_is_the_expected_one(run: Any) -> None:
    report = run("""
  - {name: she may, expect: permit, because: [high]}
  - {name: she may for any reason, expect: permit}
  - {name: not from 2027 on, with: {context.now: 2027-01-02T00:00:00Z}, expect: deny, because: [old]}
  - {name: not below level 3, with: {principal.level: 2}, expect: deny, because: [no-permit]}
  - {name: not whatever she likes, with: {context.cake: 1}, expect: deny, because: [request-refused]}
  - {name: not without a title, with: {resource.title: null}, expect: deny, because: [entity-refused]}
  - {name: not to a ghost, request: {principal: "User::ghost"}, expect: deny, because: [dangling-reference]}
""")
    assert report.passed
    assert (report.coverage, report.unused) == (100, ())


def test_the_wrong_answer_fails(run: Any) -> None:
    report = run("\n  - {name: she may not, expect: deny, because: [old]}")
    assert report.failures == ("small: she may not: expected deny because old, found permit because high",)


def test_the_right_answer_for_another_reason_fails(run: Any) -> None:
    report = run("\n  - {name: level, with: {principal.level: 1}, expect: deny, because: [old]}")
    assert report.failures == ("small: level: expected deny because old, found deny because no-permit",)


def test_a_policy_that_no_case_needs_fails_the_threshold(run: Any) -> None:
    head = HEAD.replace("cases:", "thresholds: {policies: 51}\ncases:")
    report = run("\n  - {name: she may, expect: permit}", head=head)
    assert not report.passed
    assert report.failures == ("50% of the policies decide a case, expected 51%: not old",)


def test_a_case_leaves_the_world_as_it_was(run: Any) -> None:
    report = run("""
  - {name: lowered, with: {principal.level: 1, context.limit: 9}, expect: deny, because: [no-permit]}
  - {name: as before, expect: permit}
""")
    assert report.passed
    assert report.outcomes[1].decision.record.count(b'"limit":5') == 1


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{name: why, expect: deny}", "'why' expects a denial, expected under 'because'"),
        ("{name: maybe, expect: perhaps}", 'cases.0.expect: found "perhaps"'),
        ("{name: odd, expect: permit, when: now}", "cases.0.when"),
        ('{name: who, request: {principal: "ada"}, expect: permit}', "expected TYPE::ID"),
    ],
)
def test_a_case_that_means_nothing_is_refused(suite: Any, case: str, said: str) -> None:
    with pytest.raises(InputError, match=r"small\.yaml") as caught:
        suite(f"\n  - {case}")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("{name: a, with: {weather.rain: true}, expect: permit}", "changes weather.rain, expected a path"),
        ("{name: a, with: {context: 1}, expect: permit}", "changes context, expected a path"),
        ("{name: a, with: {context.deep.er: 1}, expect: permit}", "changes deep.er, but there is no record deep"),
        ("{name: a, with: {context.now: noon}, expect: permit}", "sets context.now to 'noon'"),
        (
            '{name: a, request: {resource: "Doc::x"}, with: {resource.title: T}, expect: permit}',
            'nothing is known about Doc::"x"',
        ),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(run: Any, case: str, said: str) -> None:
    with pytest.raises(InputError, match="suite small: the case 'a'") as caught:
        run(f"\n  - {case}")
    assert said in str(caught.value)


def test_a_case_names_its_whole_request(run: Any) -> None:
    head = HEAD.replace('principal: "User::ada", ', "")
    with pytest.raises(InputError, match="names no principal"):
        run("\n  - {name: who, expect: permit}", head=head)


@pytest.mark.parametrize("entities", ["/etc/passwd", "../world.yaml", "a/../../world.yaml"])
def test_the_world_lies_below_the_suite(suite: Any, entities: str) -> None:
    with pytest.raises(InputError, match="expected a file below the folder of the suite"):
        suite("\n  - {name: a, expect: permit}", head=HEAD.replace("world.yaml", entities))


def test_every_suite_of_a_folder_is_read_by_name() -> None:
    names = [each.name for each in load_suites(ROOT / "policies" / "tests")]
    assert names == [
        "administration",
        "break-glass",
        "handoff",
        "onward transfer",
        "people",
        "receiving",
        "use of what was handed on",
        "use",
    ]


def test_an_entity_is_named_as_people_write_it_or_as_cedar_does() -> None:
    assert read_uid("User::ada@acme.example") == EntityUid("User", "ada@acme.example")
    assert read_uid('User::"ada@acme.example"') == EntityUid("User", "ada@acme.example")
    assert read_uid(r'App::User::"a\"d\u{e4}"') == EntityUid("App::User", 'a"dä')
    assert read_uid("Service::spiffe://acme.example/gateway") == EntityUid("Service", "spiffe://acme.example/gateway")


@given(st.text(min_size=1))
def test_what_cedar_writes_of_a_name_is_read_again(id_: str) -> None:
    uid = EntityUid("User", id_)
    assert read_uid(str(uid)) == uid


@pytest.mark.parametrize("name", ["ada", "User::", "::ada", 'User::"ada', r'User::"\q"'])
def test_what_names_no_entity_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_uid(name)


def test_an_entity_may_be_different_more_or_gone_in_one_case(run: Any) -> None:
    report = run("""
  - {name: lowered, entities: {"User::ada": {attrs: {level: 1}}}, expect: deny, because: [no-permit]}
  - name: somebody new
    request: {principal: "User::bea"}
    entities: {"User::bea": {attrs: {level: 5}, parents: ["Team::core"]}, "Team::core": {}}
    expect: permit
  - {name: gone, entities: {"User::ada": null}, expect: deny, because: [dangling-reference]}
  - {name: as before, expect: permit}
""")
    assert report.failures == ()


def test_an_entity_that_is_not_there_cannot_be_taken_away(run: Any) -> None:
    with pytest.raises(InputError, match='takes User::"ghost" away, but nothing is known about it'):
        run('\n  - {name: a, entities: {"User::ghost": null}, expect: permit}')


def test_a_suite_may_hold_its_world_itself(suite: Any, folder: Folder) -> None:
    world = '{"User::ada": {attrs: {level: 3}}, "Doc::plan": {attrs: {owner: {type: User, id: ada}, title: Plan}}}'
    written = suite("\n  - {name: she may, expect: permit}", head=HEAD.replace("world.yaml", world))
    assert run_suites(PolicyBundle.load(folder(POLICIES)), [written]).failures == ()


def test_a_matrix_asks_everybody_for_everything_and_what_is_not_listed_must_be_denied(run: Any) -> None:
    report = run("", head=HEAD.replace("cases:", MATRIX))
    assert [outcome.case.name for outcome in report.outcomes] == [
        "who writes: User::ada may write Doc::plan",
        "who writes: User::ada may not read Doc::plan",
        "who writes: User::joe may not write Doc::plan",
        "who writes: User::joe may not read Doc::plan",
    ]
    (failure,) = report.failures
    assert failure.startswith("small: who writes: User::ada may not read Doc::plan: expected deny because of any rea")


def test_a_matrix_may_permit_by_resource_and_name_the_reason_of_its_denials(run: Any) -> None:
    matrix = MATRIX.replace("[write]", '{"Doc::plan": [write, read]}') + "    because: [no-permit]\n"
    assert run("", head=HEAD.replace("cases:", matrix)).failures == ()
    wrong = run("", head=HEAD.replace("cases:", matrix.replace("no-permit", "old")))
    assert len(wrong.failures) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("User::ada: [write]", "User::ada: [erase]", "matrix.0: permits User::ada to erase, which is not among"),
        ("User::ada: [write]", 'User::ada: {"Doc::x": [write]}', "matrix.0: permits User::ada something on Doc::x"),
        ("[write, read]", "[]", "matrix.0.actions"),
        ("    actions", "    verbs: []\n    actions", "matrix.0.verbs"),
        ("Doc::plan]", "Doc]", "matrix.0.resources.0: expected TYPE::ID"),
        ("Doc::plan]", ", ".join(f"Doc::{number}" for number in range(2501)) + "]", "more than 10000 cases"),
    ],
)
def test_a_matrix_that_means_nothing_is_refused(suite: Any, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=r"small\.yaml") as caught:
        suite("", head=HEAD.replace("cases:", MATRIX.replace(old, new)))
    assert said in str(caught.value)


def test_a_suite_that_asks_nothing_is_refused(suite: Any) -> None:
    with pytest.raises(InputError, match="asks nothing, expected cases or a matrix"):
        suite("", head=HEAD.replace("cases:", "cases: []"))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("thresholds: {atom: 90}", "thresholds.atom: "),
        ("thresholds: {atoms: 101}", "thresholds.atoms: found 101"),
        ("equivalents: [{policy: high, mutant: m1, reason: same}]", "equivalents.0.mutant: found"),
        ("equivalents: [{policy: high, mutant: constant-0123abcd}]", "equivalents.0.reason: Field required"),
        ("defaulds: {}", "defaulds: "),
    ],
)
def test_unknown_and_malformed_fields_are_refused_by_their_path(suite: Any, field: str, said: str) -> None:
    with pytest.raises(InputError, match=r"small\.yaml") as caught:
        suite("\n  - {name: a, expect: permit}", head=HEAD.replace("cases:", f"{field}\ncases:"))
    assert said in str(caught.value)


def test_of_several_suites_the_highest_threshold_counts(suite: Any, folder: Folder) -> None:
    case = "\n  - {name: a, expect: permit}"
    one = suite(case, head=HEAD.replace("cases:", "thresholds: {policies: 10, atoms: 90}\ncases:"))
    two = suite(case, head=HEAD.replace("cases:", "thresholds: {policies: 50, mutation: 5}\ncases:"))
    report = run_suites(PolicyBundle.load(folder(POLICIES)), [one, two])
    assert report.thresholds == Thresholds(policies=50, atoms=90, mutation=5)


def test_the_published_schema_is_the_one_that_suites_are_read_by() -> None:
    published = json.loads((ROOT / "docs" / "formats" / "suite.schema.json").read_text(encoding="utf-8"))
    assert published == suite_schema(), "write it again: docs/formats/suite.schema.json"


def test_the_page_of_the_format_tells_every_field() -> None:
    page = (ROOT / "docs" / "formats" / "suite.md").read_text(encoding="utf-8")
    sample = (ROOT / "samples" / "suite.yaml").read_text(encoding="utf-8")
    schema: Any = suite_schema()
    for section in (schema, *schema["$defs"].values()):
        for field in section.get("properties", ()):
            assert f"`{field}`" in page or f"`{field}." in page, field
            assert field in sample, field
