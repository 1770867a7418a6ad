"""Two bundles side by side: what means something else, what only reads differently, which cases come out otherwise."""

import shutil
from pathlib import Path

import pytest

from engine.workspace.governing.comparing import compare_folders, markdown
from tests.unit.policy.worlds import ROOT


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "policies", tmp_path / "changed"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


def test_the_same_policies_in_other_words_and_files_do_not_differ(changed: Path) -> None:
    text = (changed / "use.cedar").read_text()
    (changed / "use.cedar").unlink()
    (changed / "renamed.cedar").write_text("// moved\n\n" + text.replace("\n  ", "\n      "))

    found = compare_folders(ROOT / "policies", changed)

    assert found.none
    assert "mean the same" in markdown(found)


def test_a_condition_that_means_something_else_shows_with_the_cases_it_turns(changed: Path) -> None:
    edit(changed, "evidence.cedar", "unless { context.transfer.mtls }", 'unless { context.transfer.zone == "partner" }')

    found = compare_folders(ROOT / "policies", changed)

    [policy] = found.policies
    assert (policy.id, policy.kind, policy.what) == ("deny-no-mtls", "changed", ("conditions",))
    turned = {each.case: (each.before, each.after) for each in found.cases if each.side == "before"}
    assert turned["handoff: nothing is sent without mutual TLS"] == (
        "deny because deny-no-mtls",
        "permit because send-own",
    )
    assert "nothing is sent without mutual TLS" in markdown(found)


def test_a_remedy_that_reads_differently_is_told_apart_from_a_change(changed: Path) -> None:
    edit(changed, "evidence.cedar", "Connect with", "Please connect with")

    [policy] = compare_folders(ROOT / "policies", changed).policies

    assert (policy.kind, policy.what) == ("reworded", ("@remedy",))


def test_what_is_new_and_what_is_gone_is_told(changed: Path) -> None:
    edit(changed, "evidence.cedar", '@id("deny-no-mtls")', '@id("deny-plain-tcp")')

    kinds = {each.id: each.kind for each in compare_folders(ROOT / "policies", changed).policies}

    assert kinds == {"deny-no-mtls": "removed", "deny-plain-tcp": "added"}


def test_a_case_that_both_folders_have_is_told_once(changed: Path) -> None:
    edit(changed, "evidence.cedar", "unless { context.transfer.mtls }", 'unless { context.transfer.zone == "partner" }')
    edit(changed, "tests/handoff.yaml", "nothing is sent without mutual TLS", "mutual TLS is a must")

    found = compare_folders(ROOT / "policies", changed)

    sides = [(each.case, each.side) for each in found.cases if "utual TLS" in each.case and "handoff" in each.case]
    assert sides == [
        ("handoff: nothing is sent without mutual TLS", "before"),
        ("handoff: mutual TLS is a must", "after"),
    ]
    assert len({each.case for each in found.cases}) == len(found.cases)
