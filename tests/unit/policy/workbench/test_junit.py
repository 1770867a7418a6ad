"""JUnit reports: what build servers read, whatever a case is called."""

from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from engine.policy.bundle import PolicyBundle
from engine.policy.workbench.form import Case
from engine.policy.workbench.junit import junit
from engine.policy.workbench.suite import Outcome, Suite, run_suites
from tests.unit.policy.worlds import ROOT


def outcomes(starter: PolicyBundle) -> tuple[Outcome, ...]:
    return run_suites(starter, [Suite.load(ROOT / "samples" / "suite.yaml")]).outcomes


def parsed(report: bytes) -> ET.Element:
    return ET.fromstring(report)  # noqa: S314 - lading has just written it


def renamed(outcome: Outcome, name: str, *because: str) -> Outcome:
    case = Case.model_construct(**{**dict(outcome.case), "name": name, "because": because or outcome.case.because})
    return Outcome(name, case, outcome.situation, outcome.decision)


def test_a_report_counts_what_passed_and_says_what_failed(starter: PolicyBundle) -> None:
    passed, denied, *_ = outcomes(starter)
    wrong = renamed(denied, "wrong", "deny-residency")
    root = parsed(junit([passed, wrong], ["91% of the conditions"]))
    assert root.attrib == {"tests": "3", "failures": "2"}
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("sample", "1", "0"),
        ("wrong", "1", "1"),
        ("thresholds", "1", "1"),
    ]
    failure = root.find("testsuite[@name='wrong']/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "expected deny because deny-residency, found deny because deny-clearance"
    assert "resource.sensitivity <= principal.clearance is false" in str(failure.text)


@given(name=st.text())
def test_no_name_breaks_a_report(starter: PolicyBundle, name: str) -> None:
    hostile = f'"/><failure>]]>&\x00\x1b{name}'
    root = parsed(junit([renamed(outcomes(starter)[0], hostile)], []))
    (case,) = root.iter("testcase")
    assert str(case.get("name")).startswith('"/><failure>]]>&\\u{0}\\u{1b}')
    assert not list(root.iter("failure"))


def test_a_report_is_a_file_that_build_servers_read(starter: PolicyBundle, tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_bytes(junit(outcomes(starter), []))
    assert len(list(parsed(path.read_bytes()).iter("testcase"))) == 11
