"""Our own cases, laid out as in cedar-policy/cedar-integration-tests, and what is said when one fails."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.policy.workbench.conformance import FileResult, run_checkout

CASES = Path(__file__).parent / "cedar"


def results(folder: Path) -> list[FileResult]:
    return list(run_checkout(folder))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CASES, tmp_path / "checkout"))


def change(checkout: Path, **changes: Any) -> None:
    path = checkout / "tests" / "groups.json"
    test = json.loads(path.read_text())
    test["requests"][0] |= {key: value for key, value in changes.items() if key in test["requests"][0]}
    test |= {key: value for key, value in changes.items() if key in test}
    path.write_text(json.dumps(test))


def test_cedar_here_answers_as_cedar_should() -> None:
    ran = results(CASES)
    assert [failure for each in ran for failure in each.failures] == []
    assert (len(ran), sum(each.requests for each in ran), sum(each.refused for each in ran)) == (3, 9, 1)


@pytest.mark.parametrize(
    ("changes", "case"),
    [
        ({"decision": "deny"}, "a group is reached through a group"),
        ({"reason": ["policy1"]}, "a group is reached through a group"),
        ({"errors": ["policy1"]}, "a group is reached through a group"),
        ({"shouldValidate": False}, "validation"),
        ({"policies": "data/errors.cedar"}, "a forbid on an action group holds for its members"),
    ],
)
def test_a_case_that_comes_out_otherwise_fails(checkout: Path, changes: dict[str, Any], case: str) -> None:
    change(checkout, **changes)
    failures = [failure for each in results(checkout) for failure in each.failures]
    assert case in [failure.case for failure in failures]
    assert {failure.file for failure in failures} == {"tests/groups.json"}


def test_policies_that_cannot_be_read_permit_nothing(checkout: Path) -> None:
    (checkout / "data" / "groups.cedar").write_text("permit (")
    failures = [failure for each in results(checkout) for failure in each.failures]
    assert len(failures) == 2
    assert all("Cedar refuses" in failure.found for failure in failures)


def test_a_corpus_in_a_tarball_is_unpacked(tmp_path: Path, checkout: Path) -> None:
    for path in (checkout / "tests").glob("*.json"):
        path.write_text(path.read_text().replace('"data/', '"corpus-tests/'))
        shutil.move(path, checkout / "data")
    folder = tmp_path / "packed"
    folder.mkdir()
    (checkout / "data" / "world.json").rename(checkout / "data" / "world.entities.json")
    for path in (checkout / "data").glob("*.json"):
        path.write_text(path.read_text().replace("world.json", "world.entities.json"))
    with tarfile.open(folder / "corpus-tests.tar.gz", "w:gz") as tar:
        tar.add(checkout / "data", "corpus-tests")
    assert sum(each.requests for each in results(folder)) == 9


def test_examples_are_asked_by_the_folder_of_the_answer(tmp_path: Path, checkout: Path) -> None:
    place = tmp_path / "examples" / "one"
    (place / "ALLOW").mkdir(parents=True)
    (place / "DENY").mkdir()
    shutil.copy(checkout / "data" / "world.cedarschema", place)
    shutil.copy(checkout / "data" / "world.json", place / "entities.json")
    (place / "policies.cedar").write_text('@id("t") permit (principal == ?principal, action, resource);')
    (place / "linked").write_text(
        '[{"template_id": "policy0", "link_id": "l", "args": {"?principal": "User::\\"ada\\""}}]'
    )
    for folder, who in (("ALLOW", "ada"), ("DENY", "abe")):
        asked = {"principal": f'User::"{who}"', "action": 'Action::"read"', "resource": 'Doc::"plan"', "context": {}}
        (place / folder / "one.json").write_text(json.dumps(asked))
    (ran,) = results(tmp_path / "examples")
    assert (ran.requests, ran.failures) == (2, ())
    shutil.move(place / "DENY" / "one.json", place / "ALLOW" / "two.json")
    (ran,) = results(tmp_path / "examples")
    assert [failure.case for failure in ran.failures] == ["ALLOW/two.json"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.cedar", "data/missing.cedar"])
def test_a_case_stays_inside_its_checkout(checkout: Path, path: str) -> None:
    change(checkout, policies=path)
    with pytest.raises(InputError):
        results(checkout)


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case in a known layout"):
        results(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "odd.json").write_text("{}")
    with pytest.raises(InputError, match="is not a case"):
        results(tmp_path)
