"""What a signed approval of a candidate counts for, and what it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.errors import LadingError, UntrustedIdentity, UsageError
from engine.events import system_clock
from engine.policy.rollout.approval import PolicyApproval
from engine.policy.rollout.store import Candidate
from engine.workspace.office import Office
from tests.unit.workspace.conftest import ask, hire
from tests.unit.workspace.governing.conftest import active, approve, propose, reword


def test_an_approval_given_for_later_decides_nothing_until_it_is_used_and_counts_once(office: Office) -> None:
    before = active(office)
    reword(office)
    digest = propose(office)
    assert approve(office, digest, later=True)["approved"]
    assert active(office) == before
    kept = office.governance.store.named(digest).approval

    ask(office, "policy.activate", "ada", digest=digest)
    assert active(office) == digest

    ask(office, "policy.rollback", "bea", reason="not yet")
    propose(office)
    replayed = office.governance.store.named(digest)
    office.governance.store.save(_with(replayed, approval=kept))
    with pytest.raises(UsageError, match="counts once"):
        ask(office, "policy.activate", "ada", digest=digest)
    assert active(office) == before


@pytest.mark.parametrize(
    ("change", "says"),
    {
        "another bundle": (lambda said: said.model_copy(update={"bundle": "0" * 64}), "bundle"),
        "other suites": (lambda said: said.model_copy(update={"gate": "0" * 64}), "gate"),
        "on top of another": (lambda said: said.model_copy(update={"base": "0" * 64}), "base"),
        "by another author": (lambda said: said.model_copy(update={"author": "joe@acme.example"}), "author"),
        "of another organization": (
            lambda said: said.model_copy(update={"organization": "evil.example"}),
            "organization",
        ),
        "that expired": (
            lambda said: said.model_copy(
                update={"issued": said.issued - timedelta(hours=5), "expires": said.expires - timedelta(hours=5)}
            ),
            "expired",
        ),
        "for ten years": (
            lambda said: said.model_copy(update={"expires": said.expires + timedelta(days=3650)}),
            "at most",
        ),
        "from the future": (
            lambda said: said.model_copy(
                update={"issued": said.issued + timedelta(hours=1), "expires": said.expires + timedelta(hours=1)}
            ),
            "future",
        ),
    }.values(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signed_approval_counts_for_nothing_but_what_it_names(
    office: Office, change: Callable[[PolicyApproval], PolicyApproval], says: str
) -> None:
    before = active(office)
    reword(office)
    digest = propose(office)
    found = office.governance.store.named(digest)
    said = drafted(office, digest)
    signed = office.sign(change(said).statement(), "bea@acme.example")
    office.governance.store.save(_with(found, approval=signed))

    with pytest.raises(UntrustedIdentity, match=says):
        ask(office, "policy.activate", "ada", digest=digest)

    assert active(office) == before


def test_an_approval_that_the_author_signed_does_not_count(office: Office) -> None:
    before = active(office)
    reword(office)
    digest = propose(office)
    said = drafted(office, digest)
    signed = office.sign(said.statement(), "ada@acme.example")
    office.governance.store.save(_with(office.governance.store.named(digest), approval=signed))

    with pytest.raises(UntrustedIdentity, match="its author signed it"):
        ask(office, "policy.activate", "bea", digest=digest)

    assert active(office) == before


def test_an_altered_approval_does_not_verify(office: Office) -> None:
    reword(office)
    digest = propose(office)
    approve(office, digest, later=True)
    found = office.governance.store.named(digest)
    assert found.approval is not None
    office.governance.store.save(_with(found, approval=found.approval.replace(b'"payload":"ey', b'"payload":"eY')))

    with pytest.raises(LadingError):
        ask(office, "policy.activate", "ada", digest=digest)

    assert active(office) != digest


def test_an_approver_who_lost_the_role_approves_nothing_any_more(office: Office) -> None:
    hire(office.layout.home, "cleo", roles="security ")
    reword(office)
    digest = propose(office)
    approve(office, digest, later=True)
    path = office.layout.home / "directory.yaml"
    path.write_text(path.read_text().replace("roles: [security]", "roles: [sender]"))

    with pytest.raises(UsageError, match=r"no longer lets bea@acme\.example"):
        ask(office, "policy.activate", "ada", digest=digest)


def test_suites_changed_after_the_proposal_void_the_approval(office: Office) -> None:
    reword(office)
    digest = propose(office)
    approve(office, digest, later=True)
    suite = office.layout.policies / "tests" / "people.yaml"
    suite.write_text(suite.read_text() + "# weaker\n")

    found = office.governance.see()

    assert found is not None
    assert (found.state, found.approval) == ("ready", None)


def drafted(office: Office, digest: str) -> PolicyApproval:
    """What an approval of a candidate of ada's says."""
    return PolicyApproval.draft(
        organization="acme.example",
        bundle=digest,
        gate=office.governance.store.snapshot(digest).gate,
        base=active(office),
        author="ada@acme.example",
        reason="fine",
        now=system_clock(),
    )


def _with(found: Candidate, **changes: Any) -> Candidate:
    return replace(found, **changes)
