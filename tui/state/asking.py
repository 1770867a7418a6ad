"""What a person is told before something happens to policies, and what is asked of them."""

from dataclasses import dataclass
from typing import Final

from engine.workspace.advisory import FOUR_EYES
from engine.workspace.governing.policy_view import ActivationView, CandidateView
from tui.state.desk import DIGEST_CELLS, Desk, short
from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, wrap
from tui.state.policy_detail import outcome

_WANTED: Final = {
    "approve": ("proposed", "no bundle waits to be approved"),
    "activate": ("approved", "no approved bundle waits to decide"),
    "withdraw": ("proposed", "no proposal is there to be withdrawn"),
    "roll_back": ("", "no other bundle decided before"),
}
"""In which state something is done to a bundle, and what is said where there is none."""

WIDTH: Final = 68
"""How wide the question is, in cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One thing that is about to happen.

    Attributes:
        operation: its name in `engine.workspace.operations`.
        params: its parameters, without the reason.
        title: what will be done, to what.
        told: what whoever decides has to know.
        wants_reason: whether a reason has to be typed.
        doing: what the note line says meanwhile.
        done: and afterwards.
    """

    operation: str
    params: dict[str, str | bool]
    title: str
    told: tuple[Line, ...]
    wants_reason: bool
    doing: str
    done: str


def propose(digest: str) -> Asking:
    """Ask for a proposal of what the folder holds."""
    return Asking(
        operation="policy.propose",
        params={},
        title=f"Propose bundle {digest[:DIGEST_CELLS]}",
        told=_said("The policy folder as it is now. It decides nothing until a second person has approved it."),
        wants_reason=True,
        doing="proposing: the folder is examined",
        done=f"{digest[:DIGEST_CELLS]} is proposed",
    )


def approve(candidate: CandidateView, glyphs: Glyphs, *, advisory: bool) -> Asking:
    """Ask for the approval of a candidate."""
    advice = ((BLANK, *_said(f"{glyphs.attention} {FOUR_EYES}", Role.ATTENTION))) if advisory else ()
    return Asking(
        operation="policy.approve",
        params={"digest": candidate.digest, "later": True},
        title=f"Approve bundle {candidate.digest[:DIGEST_CELLS]}",
        told=(
            *_said(f"proposed by {short(candidate.author)}: {candidate.reason}"),
            outcome(candidate.report, glyphs),
            *_said("Your approval is signed and lasts four hours; activating it is a step of its own."),
            *advice,
        ),
        wants_reason=True,
        doing="approving: the statement is signed",
        done=f"{candidate.digest[:DIGEST_CELLS]} is approved: x lets it decide",
    )


def activate(candidate: CandidateView, glyphs: Glyphs) -> Asking:
    """Ask for the activation of an approved candidate."""
    return Asking(
        operation="policy.activate",
        params={"digest": candidate.digest},
        title=f"Let bundle {candidate.digest[:DIGEST_CELLS]} decide",
        told=(
            *_said(f"proposed by {short(candidate.author)}: {candidate.reason}"),
            outcome(candidate.report, glyphs),
            *_said("It decides in every process from the next decision on."),
        ),
        wants_reason=False,
        doing="activating: the bundle is compiled",
        done=f"{candidate.digest[:DIGEST_CELLS]} decides",
    )


def withdraw(candidate: CandidateView) -> Asking:
    """Ask for the end of a proposal."""
    return Asking(
        operation="policy.withdraw",
        params={"digest": candidate.digest},
        title=f"Withdraw bundle {candidate.digest[:DIGEST_CELLS]}",
        told=_said(f"proposed by {short(candidate.author)}: {candidate.reason}"),
        wants_reason=True,
        doing="withdrawing",
        done=f"{candidate.digest[:DIGEST_CELLS]} is withdrawn",
    )


def roll_back(target: ActivationView, active: ActivationView) -> Asking:
    """Ask for a rollback."""
    return Asking(
        operation="policy.rollback",
        params={"to": target.digest},
        title=f"Roll back to bundle {target.digest[:DIGEST_CELLS]}",
        told=(
            *_said(f"{active.digest[:DIGEST_CELLS]} stops deciding: {active.reason}"),
            *_said(f"{target.digest[:DIGEST_CELLS]} decided before: {target.reason}"),
            *_said("It decides at once, and nobody has to approve it: it was approved before."),
        ),
        wants_reason=True,
        doing="rolling back",
        done=f"{target.digest[:DIGEST_CELLS]} decides again",
    )


def why_not(action: str, desk: Desk) -> str:
    """Say why one of `propose`, `approve`, `activate`, `withdraw` and `roll_back` can do nothing now."""
    state, none = _WANTED.get(action, ("", ""))
    if action == "propose":
        return _why_not_proposed(desk)
    if state and any(each.state == state for each in desk.standing.candidates):
        return f"put the cursor on the bundle that is {state}"
    return none


def _why_not_proposed(desk: Desk) -> str:
    draft = desk.draft()
    if desk.standing.active is None:
        return "nothing decides yet: the folder will, from the first decision on"
    if draft is not None and draft.state in {"broken", "failing"}:
        return f"the folder is {draft.state}: mend it first"
    if draft is not None and draft.state in {"proposed", "approved"}:
        return f"the folder is {draft.state} already"
    return "the folder is what decides: edit the policies first"


def _said(text: str, role: Role = Role.PLAIN) -> tuple[Line, ...]:
    return tuple((Piece(clean(line), role),) for line in wrap(text, WIDTH))
