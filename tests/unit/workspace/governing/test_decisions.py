"""What decisions rest on and leave behind: shadows, records that decide again, questions, the directory."""

from pathlib import Path

import pytest

from engine.digest import canonical, sha256
from engine.errors import UsageError
from engine.policy.workbench.suite import Suite
from engine.workspace.governing.decisions import recorded_decision, recorded_decisions
from engine.workspace.governing.history import history, shadow_differences
from engine.workspace.governing.suites import write_decision
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask, hire, model
from tests.unit.workspace.governing.conftest import types

BOUND = 30.0


def test_a_shadow_is_recorded_beside_decisions_and_its_differences_are_told(office: Office) -> None:
    extra = '@id("deny-ada")\n@owner("people")\n@remedy("Ask somebody else.")\n'
    extra += 'forbid (principal is User, action == Action::"administer", resource)\n'
    extra += 'when { principal in Role::"administrator" && principal.identity == "ada@acme.example" };\n'
    (office.layout.policies / "extra.cedar").write_text(extra)
    suite = office.layout.policies / "tests" / "administration.yaml"
    case = "cases:\n  - name: ada does not administer\n    with: {principal.identity: ada@acme.example}\n"
    case += "    expect: deny\n    because: [deny-ada]\n"
    suite.write_text(suite.read_text().replace("cases:\n", case, 1))
    found = office.governance.see()
    assert found is not None
    assert found.state == "ready", found.report["summary"]
    ask(office, "policy.shadow", "bea", digest=found.digest)

    assert office.judge.ask("administer", "ada@acme.example").permitted

    told = shadow_differences(office.layout.home)
    [different] = [each for each in told["differences"] if each["action"] == "administer"]
    assert (different["decided"], different["shadow"]) == ("permit", "deny")
    assert history(office.layout.home)["shadows"] == [found.digest]
    ask(office, "policy.shadow", "bea", digest=found.digest, end=True)
    assert history(office.layout.home)["shadows"] == []


def test_every_decision_can_be_read_back_and_decided_again(office: Office) -> None:
    made = office.judge.ask("administer", "ada@acme.example")

    kept = recorded_decision(office.layout.home, made.id[:12])

    assert kept.lacks is None
    assert kept.entities is not None
    assert kept.request is not None
    again = office.governance.active.engine().decide(kept.request, kept.entities, kept.now)
    assert again.record == made.record
    assert made.id in {each.id for each in recorded_decisions(office.layout.home, limit=5)}


def test_who_can_do_what_is_told_without_deciding_anything(office: Office, tmp_path: Path) -> None:
    ask(office, "artifact.pack", path=str(model(tmp_path / "m")), name="tiny", version="1")
    before = types(office)

    governs = ask(office, "policy.who-can", action="govern", resource="acme.example")["answers"]
    copies = ask(office, "policy.what-can", principal="bea")["answers"]

    assert {each["principal"] for each in governs if each["decision"] == "permit"} == {
        'User::"ada@acme.example"',
        'User::"bea@acme.example"',
    }
    assert ("copy", "permit") in {(each["action"], each["decision"]) for each in copies}
    assert types(office) == before
    with pytest.raises(UsageError, match="know no action"):
        ask(office, "policy.who-can", action="fly", resource="acme.example")


def test_who_can_send_is_not_answered_by_nobody_while_no_handoff_was_described(office: Office, tmp_path: Path) -> None:
    ask(office, "artifact.pack", path=str(model(tmp_path / "m")), name="tiny", version="1")
    wish = {"action": "send", "resource": "tiny:1", "to": "borealis.example"}

    with pytest.raises(UsageError, match="send is about a handoff") as refused:
        ask(office, "policy.who-can", **wish, reviewed="nobody can send it")

    assert refused.value.remedy == "Add --agreement, --purpose."
    assert "access.reviewed" not in types(office)
    told = ask(office, "policy.what-can", principal="bea")
    assert "send" in told["unasked"]
    assert not {each["action"] for each in told["answers"]} & set(told["unasked"])


def test_an_access_review_is_in_the_log_with_what_was_seen_and_found(office: Office) -> None:
    wish = {"action": "govern", "resource": "acme.example"}

    told = ask(office, "policy.who-can", who="bea", **wish, reviewed="as it should be")

    entry = office.log.entry(told["entry"])
    seen = ask(office, "policy.who-can", **wish)["answers"]
    assert entry.payload == {
        "actor": "bea@acme.example",
        "asked": wish,
        "answers": sha256(canonical(seen)),
        "permitted": 2,
        "denied": len(seen) - 2,
        "finding": "as it should be",
    }
    assert (entry.type, entry.public["policy"]) == ("access.reviewed", office.governance.active.engine().bundle.digest)


def test_who_may_not_govern_reviews_nothing(office: Office) -> None:
    hire(office.layout.home, "olga", roles="operator")

    assert "denied" in ask(office, "policy.what-can", who="olga", principal="ada", reviewed="fine")
    assert "access.reviewed" not in types(office)


def test_a_change_of_the_directory_is_in_the_log_before_anybody_is_judged_by_it(office: Office) -> None:
    office.judge.ask("administer", "ada@acme.example")
    hire(office.layout.home, "zed", roles="auditor")

    office.judge.ask("administer", "ada@acme.example")
    office.judge.ask("administer", "ada@acme.example")

    changes = [
        office.log.entry(index) for index in range(office.log.size) if types(office)[index] == "directory.changed"
    ]
    assert changes[-1].payload is not None
    assert (changes[-1].payload["added"], changes[-1].payload["removed"]) == (["zed@acme.example"], [])
    assert types(office)[-3:] == ["directory.changed", "decision.permit", "decision.permit"]


def test_a_directory_changed_while_nobody_looked_is_logged_by_the_next_owner(office: Office) -> None:
    office.judge.ask("administer", "ada@acme.example")
    office.__exit__()
    path = office.layout.home / "directory.yaml"
    path.write_text(path.read_text().replace("roles: [security]", "roles: [auditor]"))

    with Office(office.layout) as again:
        again.judge.ask("administer", "ada@acme.example")
        newest = [again.log.entry(index) for index in range(again.log.size)][-2]

    assert newest.type == "directory.changed"
    assert newest.payload is not None
    assert newest.payload["changed"] == ["bea@acme.example"]


def test_a_recorded_decision_becomes_a_case_that_decides_to_the_very_same_record(
    office: Office, tmp_path: Path
) -> None:
    ask(office, "artifact.pack", path=str(model(tmp_path / "m")), name="tiny", version="1")
    ask(office, "artifact.show", "bea", ref="tiny:1")
    newest = next(iter(recorded_decisions(office.layout.home, limit=1)))

    told = write_decision(office.layout.home, newest.id[:10], tmp_path / "case.yaml")

    [outcome] = Suite.load(tmp_path / "case.yaml").run(office.governance.active.engine().bundle)
    assert told["decision"] == newest.id
    assert outcome.passed, outcome.message
    assert outcome.decision.id == newest.id
