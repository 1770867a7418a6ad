"""A party that logs another decision than its own policies gave is found out by whoever replays it."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from engine.custody.account import verify_bill
from engine.custody.bill import parse_bill
from engine.digest import canonical, sha256
from engine.errors import IntegrityError
from engine.policy.engine import PolicyEngine
from engine.policy.judge import Judge, Policies
from engine.policy.model import Answer, Decision, Entity, Request
from tests.integration.simulator import ACME, BOREALIS, Side
from tests.unit.custody.handed import Handed, decoded, packed, sent

Forge = Callable[[Decision], Decision]


class LyingEngine(PolicyEngine):
    """Decides by the true policies, and then says something else."""

    def __init__(self, true: PolicyEngine, forge: Forge) -> None:
        super().__init__(true.bundle, true.mode, true.mask)
        self._forge = forge

    def decide(self, request: Request, entities: Iterable[Entity], now: datetime) -> Decision:
        return self._forge(super().decide(request, entities, now))


class LyingPolicies:
    """Implements `engine.policy.judge.Policies`: the bundle is the true one, its answers are not."""

    def __init__(self, true: Policies, forge: Forge) -> None:
        self._true, self._forge = true, forge
        self.keep_slice = true.keep_slice

    def engine(self) -> PolicyEngine:
        return LyingEngine(self._true.engine(), self._forge)

    def shadows(self) -> Sequence[PolicyEngine]:
        return ()


@contextmanager
def lying(side: Side, forge: Forge) -> Iterator[None]:
    """Have an organization record forged decisions for a while, as its own software would."""
    governance, office = side.office.governance, side.office
    true = governance.judge
    governance.__dict__["judge"] = Judge(
        LyingPolicies(governance.active, forge), governance.people.now, office.log, office.clock
    )
    yield
    governance.__dict__["judge"] = true


def forged(decision: Decision, /, **changes: Any) -> Decision:
    """A decision whose record says something else, with the id that such a record has."""
    record = canonical(json.loads(decision.record) | changes)
    return replace(decision, id=sha256(record)[:32], record=record)


def permit_anyway(decision: Decision) -> Decision:
    """Say that a denial for failed checks was a permit."""
    if decision.reasons != ("deny-failed-preflight",):
        return decision
    told = forged(decision, decision="permit", raw="Allow", reasons=["send-own"], conditions=[], remedies=[])
    return replace(told, decision=Answer.PERMIT, raw="Allow", reasons=("send-own",), obligations=())


def name_another(decision: Decision) -> Decision:
    """Say that a permit to send was another policy's."""
    if decision.reasons != ("send-own",):
        return decision
    return replace(forged(decision, reasons=["send-onward"]), reasons=("send-onward",))


def word_it_otherwise(decision: Decision) -> Decision:
    """Say something beside the answer that the policies do not."""
    return forged(decision, remedies=["None was needed."]) if decision.reasons == ("send-own",) else decision


FORGERIES: dict[str, tuple[Forge, str]] = {
    "permit": (permit_anyway, "with the decision permit, its own policies say deny"),
    "policies": (name_another, r"with the determining policies \['send-onward'\], its own policies say \['send-own'\]"),
    "words": (word_it_otherwise, "with other words than its own policies give"),
}


@pytest.fixture(scope="module", params=FORGERIES)
def lied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Handed, str]]:
    """A handoff to the end, whose sender recorded a lie, and how verification says so."""
    forge, said = FORGERIES[request.param]
    folder = tmp_path_factory.mktemp("lied")
    two, root = packed(folder)
    if forge is permit_anyway:
        (folder / "model" / "notes.txt").write_text("a stray file")
        assert two.send(root)["detail"] == "deny-failed-preflight"
    with lying(two.acme, forge):
        handed = sent(two, root)
    yield handed, said
    two.close()


def test_a_record_that_its_own_policies_do_not_give_is_refused_on_replay(lied: tuple[Handed, str]) -> None:
    handed, said = lied
    bill = handed.made(annex="clear")

    with pytest.raises(IntegrityError, match=f"{ACME} recorded decision [0-9a-f]{{32}} {said}"):
        verify_bill(bill, handed.trust)

    # Everything but the replay holds: the annex has the very bundle that the record names, under its digest.
    sealed = parse_bill(bill)
    annex = json.loads(decoded((sealed.annexes or {})[ACME]))
    told = verify_bill(handed.made(), handed.trust).decisions
    assert {each.policy for each in told if each.organization == ACME} == set(annex["bundles"])
    assert {each.organization for each in told if each.cited} == {ACME, BOREALIS}


def test_in_an_encrypted_annex_it_is_found_by_the_auditor_alone(lied: tuple[Handed, str]) -> None:
    handed, said = lied
    bill = handed.made(annex_for=[str(handed.key.to_public())])

    assert verify_bill(bill, handed.trust).annexes[ACME] == "sealed for others"
    with pytest.raises(IntegrityError, match=said):
        verify_bill(bill, handed.trust, (handed.key,))
