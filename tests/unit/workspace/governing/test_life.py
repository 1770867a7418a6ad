"""From an edited policy file to the bundle that decides: proposed, approved by a second person, rolled back."""

import shutil
import threading
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import InputError, PolicyError, UntrustedIdentity, UsageError, WorkspaceError
from engine.policy.rollout.store import Candidate
from engine.policy.rollout.watch import FolderWatch
from engine.workspace.governing.history import history
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask, hire
from tests.unit.workspace.governing.conftest import active, approve, edit, propose, reword, types

BOUND = 30.0


def test_the_first_bundle_is_the_one_in_the_folder_and_the_log_says_so(office: Office) -> None:
    assert active(office) == office.governance.on_disk().digest
    assert "policy.activated" in types(office)


def test_an_edit_alone_changes_nothing(office: Office) -> None:
    before = active(office)

    reword(office)

    assert office.judge.bundle_digest == active(office) == before


def test_what_a_second_person_approved_decides_from_the_next_decision_on(office: Office) -> None:
    before = active(office)
    reword(office)
    digest = propose(office)
    assert office.judge.bundle_digest == before

    done = approve(office, digest)

    assert (done["previous"], done["author"], done["approver"]) == (before, "ada@acme.example", "bea@acme.example")
    assert office.judge.bundle_digest == digest
    assert types(office).index("policy.approved") < len(types(office)) - types(office)[::-1].index("policy.activated")


def test_nobody_approves_what_they_proposed(office: Office) -> None:
    before = active(office)
    reword(office)
    digest = propose(office, "bea")

    with pytest.raises(UsageError, match="nobody approves their own"):
        approve(office, digest)

    assert active(office) == before


def test_who_may_not_govern_proposes_and_approves_nothing(office: Office) -> None:
    hire(office.layout.home, "joe", roles="operator, administrator")
    reword(office)

    assert ask(office, "policy.propose", "joe", reason="mine")["denied"]["because"] == ["no-permit"]
    digest = propose(office)
    assert "denied" in approve(office, digest, "joe")


def test_an_approver_whose_trust_document_does_not_name_them_is_not_believed(office: Office) -> None:
    hire(office.layout.home, "eve", roles="security")  # and no trust document was issued since
    reword(office)
    digest = propose(office)
    before = active(office)

    with pytest.raises(UntrustedIdentity):
        approve(office, digest, "eve")

    assert active(office) == before


def test_a_typo_is_named_with_its_place_and_the_active_bundle_stays(office: Office) -> None:
    before = active(office)
    edit(office, "use.cedar", "permit (", "premit (")

    with pytest.raises(PolicyError, match=r"broken: use\.cedar"):
        propose(office)

    assert active(office) == before
    assert office.judge.ask("administer", "ada@acme.example").permitted


def test_a_weakening_edit_is_stopped_by_its_suite(office: Office) -> None:
    edit(office, "evidence.cedar", "unless { context.transfer.mtls }", 'unless { context.transfer.zone == "partner" }')

    with pytest.raises(PolicyError, match=r"failing: break-glass: no ticket goes around mutual TLS"):
        propose(office)


def test_a_policy_without_suites_does_not_come_to_decide(office: Office) -> None:
    reword(office)
    shutil.rmtree(office.layout.policies / "tests")

    with pytest.raises(PolicyError, match="no suite"):
        propose(office)


def test_a_suite_weakened_with_its_policy_shows_in_the_report(office: Office) -> None:
    edit(office, "evidence.cedar", "unless { context.transfer.mtls }", 'unless { context.transfer.zone == "partner" }')
    tests = office.layout.policies / "tests"
    for suite in tests.glob("*.yaml"):
        lines = suite.read_text().replace(', context.transfer.zone: ""', "")
        lines = lines.replace("context.transfer.mtls: false", 'context.transfer.zone: ""')
        suite.write_text(lines.replace("deny-no-mtls]", "deny-no-mtls, deny-zone]"))

    found = office.governance.see()

    assert found is not None
    told = found.report["active_suites"]["failures"]
    assert any("nothing is sent without mutual TLS" in each for each in told)


def test_of_two_bundles_proposed_at_once_only_one_comes_to_decide(office: Office) -> None:
    reword(office, "Please connect with")
    one = propose(office)
    edit(office, "evidence.cedar", "Please connect with", "Kindly connect with")
    other = propose(office)

    approve(office, one)

    with pytest.raises(UsageError, match="another decides now"):
        approve(office, other)
    assert active(office) == one


def test_a_rollback_restores_what_decided_before(office: Office) -> None:
    before = active(office)
    reword(office)
    approve(office, propose(office))

    done = ask(office, "policy.rollback", "bea", reason="too polite")

    assert (active(office), done["kind"]) == (before, "rollback")
    assert types(office)[-1] == "policy.reverted"
    with pytest.raises(UsageError, match="rolled back to already"):
        ask(office, "policy.rollback", "bea", reason="again")


def test_a_rollback_to_what_never_decided_is_refused(office: Office) -> None:
    with pytest.raises(UsageError, match="decided before"):
        ask(office, "policy.rollback", "bea", reason="back", to="0123abcd")


def test_a_withdrawn_proposal_is_not_approved(office: Office) -> None:
    reword(office)
    digest = propose(office)

    ask(office, "policy.withdraw", "bea", digest=digest, reason="not now")

    with pytest.raises(UsageError, match="is withdrawn, expected proposed"):
        approve(office, digest)


def test_a_digest_that_names_no_candidate_is_an_error(office: Office) -> None:
    with pytest.raises(InputError, match="no candidate"):
        approve(office, "0123abcd")


def test_what_decides_already_is_not_proposed(office: Office) -> None:
    with pytest.raises(UsageError, match="decides already"):
        propose(office)


def test_without_a_log_nothing_comes_to_decide_and_the_approval_is_not_used_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = active(office)
    reword(office)
    digest = propose(office)
    approve(office, digest, later=True)
    real = type(office.log).record

    def full(log: Any, event: Any) -> Any:
        if event.type == "policy.activated":
            raise WorkspaceError("the disk is full", remedy="Make room.")
        return real(log, event)

    monkeypatch.setattr(type(office.log), "record", full)
    with pytest.raises(WorkspaceError):
        ask(office, "policy.activate", "ada", digest=digest)
    assert active(office) == before

    monkeypatch.setattr(type(office.log), "record", real)
    ask(office, "policy.activate", "ada", digest=digest)
    assert active(office) == digest


def test_an_owner_killed_between_database_and_log_finishes_the_activation_when_it_comes_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reword(office)
    digest = propose(office)
    store = type(office.governance.store)

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(store, "complete_activation", killed)
        with pytest.raises(SystemExit):
            approve(office, digest)
    assert active(office) != digest
    office.__exit__()

    with Office(office.layout) as again:
        assert active(again) == digest
        assert types(again).count("policy.activated") == 2


def test_a_lost_database_gives_nobody_the_power_to_change_policies(office: Office) -> None:
    reword(office)
    approve(office, propose(office))
    office.__exit__()
    office.layout.policy_database.unlink()
    edit(office, "evidence.cedar", "Please connect with", "Somehow connect with")  # nobody approved it

    with Office(office.layout) as again, pytest.raises(PolicyError, match="the log says decides"):
        again.judge.ask("administer", "ada@acme.example")


def test_a_bundle_altered_in_the_database_permits_nothing(office: Office) -> None:
    from sqlalchemy import update

    from engine.policy.tables import bundle

    digest = active(office)
    with office.governance.store._engine.begin() as connection:
        connection.execute(update(bundle).values(files=b'{"a.cedar":"permit(principal,action,resource);"}'))
    office.__exit__()

    with Office(office.layout) as again, pytest.raises(PolicyError, match=f"other files than bundle {digest[:16]}"):
        again.judge.ask("administer", "ada@acme.example")


def test_history_says_who_changed_what_when_and_who_approved_it(office: Office) -> None:
    reword(office)
    approve(office, propose(office))

    newest, first = history(office.layout.home)["activations"]

    assert (newest["author"], newest["approver"], newest["reason"]) == (
        "ada@acme.example",
        "bea@acme.example",
        "wording",
    )
    assert (first["kind"], newest["previous"]) == ("initial", first["digest"])


def test_a_watched_folder_tells_of_a_typo_and_of_its_mending(office: Office) -> None:
    office.open_everything()
    told: list[Candidate | str | None] = []
    changed = threading.Semaphore(0)

    def listen(what: Candidate | str | None) -> None:
        told.append(what)
        changed.release()

    watch = FolderWatch(office.layout.policies, office.governance.see, listen)
    watch.start()
    try:
        edit(office, "use.cedar", "permit (", "premit (")
        assert changed.acquire(timeout=BOUND)
        edit(office, "use.cedar", "premit (", "permit (")
        assert changed.acquire(timeout=BOUND)
    finally:
        watch.stop()

    broken, mended = told
    assert isinstance(broken, Candidate)
    assert (broken.state, mended) == ("broken", None)


def _with(found: Candidate, **changes: Any) -> Candidate:
    return replace(found, **changes)
