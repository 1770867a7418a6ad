"""Comparing two folders of policies. Needs no workspace."""

from pathlib import Path

from engine.policy.bundle import PolicyBundle
from engine.policy.workbench.difference import Difference, difference
from engine.policy.workbench.suite import load_suites


def compare_folders(before: Path, after: Path) -> Difference:
    """Return how two folders differ, and which cases of either's suites come out differently."""
    old, new = PolicyBundle.as_it_stands(before), PolicyBundle.as_it_stands(after)
    return difference(old, new, load_suites(before / "tests"), load_suites(after / "tests"))


def markdown(found: Difference) -> str:
    """Word a difference for a change request."""
    if found.none:
        return "The two bundles mean the same and answer alike."
    lines = ["## Policies", ""] if found.policies else []
    lines += [
        f"- **{each.kind}** `{each.id}` ({each.after or each.before}){': ' if each.what else ''}{', '.join(each.what)}"
        for each in found.policies
    ]
    if found.schema:
        lines += ["", "The schema is different."]
    if found.cases:
        lines += ["", "## Cases that come out differently", ""]
        lines += [f"- {each.case} (a case of {each.side}): {each.before} → {each.after}" for each in found.cases]
    return "\n".join(lines)
