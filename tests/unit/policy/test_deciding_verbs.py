"""`lading policy check | decide` as a person or a program uses them: exit codes, JSON, and what goes where."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli import lading
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import PERMIT_ALL, ROOT

SCHEMA = """
entity User { level: Long };
entity Doc { owner: User };
action transfer;
action send in [transfer] appliesTo { principal: [User], resource: [Doc] };
"""
BARE = "permit (principal, action, resource);\n"
GROUP = 'forbid (principal, action in Action::"transfer", resource);\n'
UNGROUPED = SCHEMA.replace("action transfer;\n", "").replace(" in [transfer]", "")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lading, [str(each) for each in arguments])


def asked(place: Path, policies: Path, *options: str, owner: str = "u") -> Result:
    """Ask whether the user u may send the document d."""
    entities, request = place / "entities.json", place / "request.json"
    request.write_text('{"principal": "User::\\"u\\"", "action": "Action::\\"send\\"", "resource": "Doc::\\"d\\""}')
    entities.write_text(
        json.dumps(
            [
                {"uid": {"type": "User", "id": "u"}, "attrs": {"level": 2**53 - 1}, "parents": []},
                {"uid": 'Doc::"d"', "attrs": {"owner": {"__entity": {"type": "User", "id": owner}}}, "parents": []},
            ]
        )
    )
    return run("policy", "decide", *options, "--policies", policies, "--entities", entities, "--request", request)


def told(result: Result) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


@pytest.mark.parametrize(
    ("forbid", "schema", "owner", "failsafe"),
    [
        ("forbid (principal, action, resource) when { principal.level * 4096 > 5 };", SCHEMA, "u", "forbid-errored"),
        (
            "forbid (principal, action, resource) when { resource.owner.level > 5 };",
            SCHEMA,
            "ghost",
            "dangling-reference",
        ),
        (GROUP, "", "u", "schema-missing"),
        (GROUP, UNGROUPED, "u", "action-group-unknown"),
    ],
)
def test_what_cedar_alone_would_allow_by_mistake_is_denied_and_says_why(
    folder: Folder, tmp_path: Path, forbid: str, schema: str, owner: str, failsafe: str
) -> None:
    place = folder(BARE + forbid, schema=schema)
    if not schema:
        (place / "test.cedarschema").unlink()
    result = asked(tmp_path, place, "--json", owner=owner)
    assert result.exit_code == 3
    assert {"decision": "deny", "raw": "Allow", "failsafe": failsafe}.items() <= told(result).items()
    assert told(result)["remedies"]
    assert told(result)["errors"]
    raw = asked(tmp_path, place, "--raw", owner=owner)
    assert (raw.exit_code, raw.stdout) == (0, "Allow\n")


def test_a_group_the_schema_declares_is_only_forbidden(folder: Folder, tmp_path: Path) -> None:
    result = asked(tmp_path, folder(BARE + GROUP, schema=SCHEMA), "--json")
    assert result.exit_code == 3
    assert {"raw": "Deny", "failsafe": None, "reasons": ["policies.cedar:2"]}.items() <= told(result).items()


def test_two_policies_in_one_line_are_two(folder: Folder, tmp_path: Path) -> None:
    result = asked(tmp_path, folder(BARE.strip() + " " + BARE, schema=SCHEMA), "--json")
    assert (result.exit_code, told(result)["reasons"]) == (0, ["policies.cedar:1", "policies.cedar:1:39"])


def test_a_program_is_told_every_finding_of_broken_policies(folder: Folder, tmp_path: Path) -> None:
    place = folder("permit (principal, action, resource)\nwhen { principal.level > };", schema=SCHEMA)
    for result in (asked(tmp_path, place, "--json"), run("policy", "check", "--json", "--policies", place)):
        assert result.exit_code == 7
        [finding] = told(result)["findings"]
        place_told = {"file": "policies.cedar", "line": 2, "column": 26}
        assert {"code": "syntax", "severity": "error", **place_told}.items() <= finding.items()
        assert finding["remedy"]


def test_a_check_says_what_works_and_is_still_odd(folder: Folder) -> None:
    place = folder(PERMIT_ALL + PERMIT_ALL.replace('"allow"', '"again"'), schema=SCHEMA)
    result = run("policy", "check", "--policies", place)
    assert (result.exit_code, "2 policies are valid" in result.stdout) == (0, True)
    assert "policies.cedar:3:1: policy again: it says the same as policy allow" in result.stderr
    assert not run("policy", "check", "--json", "--policies", place).stderr


@pytest.mark.parametrize(
    ("schema", "line", "pointed"),
    [
        ("entity User {\n  level Long\n};", 2, "Long"),
        ("entity User {\n  level: Lng\n};", 2, "Lng"),
        ("entity User {\n  level: Long", 2, "Long"),
        ("entity User in [Teem];", 1, "Teem"),
    ],
)
def test_a_broken_schema_is_shown_where_it_breaks(folder: Folder, schema: str, line: int, pointed: str) -> None:
    result = run("policy", "check", "--json", "--policies", folder(BARE, schema=schema))
    [finding] = told(result)["findings"]
    assert (result.exit_code, finding["code"], finding["line"]) == (7, "schema-unreadable", line)
    assert schema.split("\n")[line - 1][finding["column"] - 1 :].startswith(pointed)


def test_a_name_that_a_partner_chose_steers_no_terminal(tmp_path: Path) -> None:
    samples = ROOT / "samples" / "request"
    request = json.loads((samples / "request.json").read_text())
    request["context"]["purpose"] = "\x1b[2Jevaluation\u202e"
    request["context"]["agreement"]["purposes"] = ["\x9b2J", "\u2066b"]
    (tmp_path / "request.json").write_text(json.dumps(request))

    for verb in (("explain",), ("explain", "--all"), ("what-if",)):
        arguments = (*verb, "--policies", ROOT / "policies", "--entities", samples / "entities.json")
        result = CliRunner().invoke(
            lading, ["policy", *map(str, arguments), "--request", str(tmp_path / "request.json")], color=True
        )
        assert result.exit_code == 3, result.output
        assert "\x1b[2J" not in result.stdout
        assert not {"\x9b", "\u202e", "\u2066"} & set(result.stdout)


def test_a_search_that_ran_out_does_not_say_that_there_is_no_way(tmp_path: Path) -> None:
    samples = ROOT / "samples" / "request"
    request = json.loads((samples / "request.json").read_text())
    entities = json.loads((samples / "entities.json").read_text())
    request["context"]["agreement"] |= {
        "purposes": [f"p{number}" for number in range(30)],
        "destinations": [f"D{number}" for number in range(30)],
    }
    for each in entities:
        if "sensitivity" in each["attrs"]:
            residency = [f"R{number}" for number in range(30)]
            each["attrs"] |= {"residency": residency, "exportClass": "4E091", "jurisdiction": "ZZ"}
    (tmp_path / "request.json").write_text(json.dumps(request))
    (tmp_path / "entities.json").write_text(json.dumps(entities))

    result = run(
        "policy",
        "explain",
        "--policies",
        ROOT / "policies",
        "--entities",
        tmp_path / "entities.json",
        "--request",
        tmp_path / "request.json",
    )

    assert "no way was found in" in result.stdout
    assert "nothing that can be changed" not in result.stdout
