"""Trying out policies that are not finished: what is missing is a warning, and nothing opens by it."""

import json
from pathlib import Path

import pytest

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import Answer, Entity, EntityUid
from engine.policy.raw import raw_answer
from engine.workspace.governing.folders import decide_files, raw_files
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import ADA, DOC, NOON, PERMIT_ALL, SCHEMA, WORLD, asking, rule

BARE = "permit (principal, action, resource);\n"
TIMELESS = """
entity User { level: Long }; entity Doc { owner: User };
action transfer; action send in [transfer] appliesTo { principal: [User], resource: [Doc] };
"""


def files(place: Path, world: object, action: str = "send") -> tuple[Path, Path]:
    entities, request = place / "world.json", place / "asked.json"
    entities.write_text(json.dumps(world))
    asked = {"principal": 'User::"u"', "action": f'Action::"{action}"', "resource": 'Doc::"d"', "context": {}}
    request.write_text(json.dumps(asked))
    return entities, request


def known(owner: str = "u") -> list[object]:
    return [
        {"uid": {"type": "User", "id": "u"}, "attrs": {"level": 2}, "parents": []},
        {"uid": {"type": "Doc", "id": "d"}, "attrs": {"owner": {"type": "User", "id": owner}}, "parents": []},
    ]


def test_policies_without_annotations_are_known_by_their_place(folder: Folder) -> None:
    bundle = PolicyBundle.as_it_stands(folder("permit (principal, action, resource is Doc);\n" + PERMIT_ALL))
    assert list(bundle.policies) == ["policies.cedar:1", "allow"]
    assert [warning.code for warning in bundle.warnings] == [
        "missing-id",
        "missing-owner",
        "missing-remedy",
        "policy-shadowed",
    ]
    decision = PolicyEngine(bundle).decide(asking(), WORLD, NOON)
    assert decision.reasons == ("allow", "policies.cedar:1")


def test_what_decides_for_others_must_be_finished(folder: Folder) -> None:
    with pytest.raises(PolicyError, match="no @id, expected one"):
        PolicyBundle.load(folder(BARE))


@pytest.mark.parametrize(
    "text",
    [
        PERMIT_ALL + PERMIT_ALL,
        "permit (principal, action, resource",
        "permit (principal == ?principal, action, resource);",
        "permit (principal, action, resource) when { principal.levle > 1 };",
        '@id("a`b") permit (principal, action, resource);',
    ],
)
def test_what_has_no_clear_meaning_is_refused_all_the_same(folder: Folder, text: str) -> None:
    with pytest.raises(PolicyError, match=r"policies\.cedar:\d+:\d+"):
        PolicyBundle.as_it_stands(folder(text))


def test_a_forbid_that_overflows_denies(folder: Folder, tmp_path: Path) -> None:
    text = BARE + "forbid (principal, action, resource) when { principal.level * 9223372036854775807 > 5 };"
    place = folder(text, schema=TIMELESS)
    result = decide_files(place, *files(tmp_path, known()))
    assert (result["decision"], result["raw"], result["failsafe"]) == ("deny", "Allow", "forbid-errored")


def test_a_reference_to_nobody_denies_though_cedar_alone_allows(folder: Folder, tmp_path: Path) -> None:
    place = folder(BARE + "forbid (principal, action, resource) when { resource.owner.level > 5 };", schema=TIMELESS)
    asked = files(tmp_path, known("ghost"))
    result = decide_files(place, *asked)
    assert (result["decision"], result["raw"], result["failsafe"]) == ("deny", "Allow", "dangling-reference")
    assert raw_files(place, *asked)["raw"] == "Allow"


def test_a_group_without_a_schema_denies_though_cedar_alone_allows(folder: Folder, tmp_path: Path) -> None:
    place = folder(BARE + 'forbid (principal, action in Action::"transfer", resource);', schema=TIMELESS)
    assert decide_files(place, *files(tmp_path, known()))["reasons"] == ["policies.cedar:2"]
    (place / "test.cedarschema").unlink()
    result = decide_files(place, *files(tmp_path, known()))
    assert (result["decision"], result["raw"], result["failsafe"]) == ("deny", "Allow", "schema-missing")


def test_a_group_the_schema_does_not_declare_denies(folder: Folder, tmp_path: Path) -> None:
    place = folder(
        BARE + 'forbid (principal, action in [Action::"send", Action::"tranfer"], resource);', schema=TIMELESS
    )
    result = decide_files(place, *files(tmp_path, known()))
    assert (result["decision"], result["raw"], result["failsafe"]) == ("deny", "Deny", "action-group-unknown")
    place = folder(BARE + 'forbid (principal, action in Action::"tranfer", resource);', schema=TIMELESS)
    result = decide_files(place, *files(tmp_path, known()))
    assert (result["decision"], result["raw"], result["failsafe"]) == ("deny", "Allow", "action-group-unknown")
    assert "did you mean transfer?" in result["errors"][0]


def test_a_schema_without_a_clock_gets_none(folder: Folder) -> None:
    bundle = PolicyBundle.load(folder(PERMIT_ALL, schema=TIMELESS))
    assert bundle.clocked == frozenset()
    world = (Entity(ADA, {"level": 1}), Entity(DOC, {"owner": ADA.reference()}))
    assert PolicyEngine(bundle).decide(asking("send"), world, NOON).permitted
    assert PolicyBundle.load(folder(PERMIT_ALL, schema=SCHEMA)).clocked == {"write", "erase", "read"}


def test_cedars_own_answer_needs_no_slices(folder: Folder) -> None:
    bundle = PolicyBundle.load(
        folder(PERMIT_ALL + rule("no", 'forbid (principal, action in Action::"edit", resource)'))
    )
    raw = raw_answer(bundle, asking(), WORLD, NOON)
    assert (raw.answer, raw.reasons) == ("Deny", ("no",))
    assert raw_answer(bundle, asking(limit="much"), WORLD, NOON).answer == "NoDecision"


def test_the_bundle_says_what_it_is_and_what_to_overlook(folder: Folder) -> None:
    text = rule("sum", "forbid (principal, action, resource) when { principal.level + 1 > 3 }")
    settings = '[[suppress]]\npolicy = "sum"\ncode = "arithmetic-in-forbid"\nreason = "levels are small"\n'
    about = '[bundle]\nname = "small"\nowner = "security"\n'
    bundle = PolicyBundle.load(folder(text, files={"bundle.toml": about + settings}))
    assert (bundle.settings.name, bundle.settings.owner, bundle.warnings) == ("small", "security", ())
    before = bundle.digest
    with pytest.raises(PolicyError, match="arithmetic-in-forbid"):
        PolicyBundle.load(folder(text, files={"bundle.toml": '[lint]\narithmetic-in-forbid = "error"\n'}))
    assert PolicyBundle.load(folder(text, files={"bundle.toml": ""})).digest == before


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[bundle]\nnme = 1", "bundle.nme"),
        ('[lint]\nx = "loud"', "lint.x"),
        ('[[suppress]]\npolicy = "a"\ncode = "b"', "suppress.0.reason"),
        ("[bundle]\nname = 2026-01-01", "bundle.name"),
        ("[bundle", "is not TOML"),
    ],
)
def test_an_odd_bundle_toml_is_refused(folder: Folder, toml: str, said: str) -> None:
    with pytest.raises(PolicyError, match=r"bundle\.toml") as caught:
        PolicyBundle.load(folder(PERMIT_ALL, files={"bundle.toml": toml}))
    assert said in str(caught.value)


def test_what_blocks_cannot_be_overlooked(folder: Folder) -> None:
    settings = '[lint]\nschema-unmet = "info"\nduplicate-id = "info"\n'
    with pytest.raises(PolicyError, match="duplicate-id"):
        PolicyBundle.load(folder(PERMIT_ALL + PERMIT_ALL, files={"bundle.toml": settings}))


def test_a_bundle_in_doubt_permits_nothing(folder: Folder) -> None:
    place = folder(PERMIT_ALL)
    (place / "test.cedarschema").unlink()
    decision = PolicyEngine(PolicyBundle.as_it_stands(place)).decide(asking(), WORLD, NOON)
    assert (decision.decision, decision.failsafe) == (Answer.DENY, "schema-missing")
    assert decision.remedies
    assert EntityUid("User", "ada") == ADA


@pytest.mark.parametrize("code", ["missing-id", "missing-owner", "missing-remedy"])
def test_what_every_policy_needs_cannot_be_talked_away(folder: Folder, code: str) -> None:
    bare = PERMIT_ALL.replace('@id("allow")', "").replace('@owner("tests")', "").replace('@remedy("Do allow.")', "")
    lenient = f'[lint]\n{code} = "info"\n'

    with pytest.raises(PolicyError, match=f"no @{code.removeprefix('missing-')}"):
        PolicyBundle.load(folder(bare, files={"bundle.toml": lenient}))
