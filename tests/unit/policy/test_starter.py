"""The policies that ship with lading: their own suites pass, and they say what people need to hear."""

import re
from pathlib import Path
from shutil import copytree

import pytest

from engine.policy.bundle import PolicyBundle
from engine.policy.workbench.coverage import atom_coverage, questions
from engine.policy.workbench.form import Thresholds
from engine.policy.workbench.mutation import Mutants, mutation_report
from engine.policy.workbench.suite import load_suites, run_suites
from tests.unit.policy.worlds import ROOT


def test_the_starter_policies_pass_their_suites_and_each_is_needed(starter: PolicyBundle) -> None:
    report = run_suites(starter, load_suites(ROOT / "policies" / "tests"))
    assert report.failures == ()
    assert report.thresholds.policies == 100
    assert len(report.outcomes) > 100


def test_every_denial_in_the_suites_comes_with_a_remedy(starter: PolicyBundle) -> None:
    report = run_suites(starter, load_suites(ROOT / "policies" / "tests"))
    denials = [outcome.decision for outcome in report.outcomes if not outcome.decision.permitted]
    assert len(denials) > 60
    for decision in denials:
        assert all(decision.remedies)
        assert decision.failsafe or decision.conditions


def test_the_starter_policies_have_nothing_to_warn_about(starter: PolicyBundle) -> None:
    assert starter.warnings == ()


def test_remedies_are_sentences(starter: PolicyBundle) -> None:
    for policy in starter.policies.values():
        assert re.fullmatch(r"[A-Z].*\.", policy.remedy), policy.id


def test_partners_learn_nothing_about_people(starter: PolicyBundle) -> None:
    disclosed = {policy.place.partition(":")[0] for policy in starter.policies.values() if policy.disclosed}
    assert disclosed == {"agreement.cedar", "evidence.cedar", "jurisdiction.cedar"}
    assert not starter.policies["deny-quarantined"].disclosed


def test_what_must_never_be_overridden_is_marked(starter: PolicyBundle) -> None:
    marked = {policy.id for policy in starter.policies.values() if "class" in policy.node.annotations}
    assert marked == {"deny-no-mtls", "deny-quarantined", "deny-unsigned-artifact"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("evidence.cedar", "{ context.transfer.mtls }", '{ context.transfer.mtls || context.transfer.zone == "" }'),
        ("evidence.cedar", 'Action::"initiate", Action::"send", ', 'Action::"send", '),
        ("people.cedar", "context.transfer.approved &&", "context.transfer has approver &&"),
        ("agreement.cedar", "context.now < context.agreement.expires", "context.now <= context.agreement.expires"),
        ("use.cedar", "resource.owner != principal.organization", "resource.owner == principal.organization"),
    ],
)
def test_policies_that_were_weakened_fail_their_suites(tmp_path: Path, file: str, old: str, new: str) -> None:
    folder = tmp_path / "policies"
    copytree(ROOT / "policies", folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    assert run_suites(PolicyBundle.load(folder), load_suites(folder / "tests")).failures != ()


def test_the_suites_see_every_condition_both_ways_and_notice_nearly_every_fault(starter: PolicyBundle) -> None:
    report = run_suites(starter, load_suites(ROOT / "policies" / "tests"))
    asked = list(questions(starter, report.outcomes))
    assert report.thresholds == Thresholds(policies=100, atoms=95, mutation=90)
    assert atom_coverage(starter, [question for _, question in asked]).percent >= 95
    assert mutation_report(Mutants.of(starter), asked, report.equivalents).percent >= 90
