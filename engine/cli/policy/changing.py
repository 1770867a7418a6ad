"""`lading policy propose | approve | activate | withdraw | rollback | history | shadow`: changing what decides."""

from typing import Any

import click

from engine.cli.command import Session, advice, command, table, verb
from engine.text import agreeing, counted

REASON = click.option("--reason", required=True, help="Why, in your words; it stands in the log.")
DIGEST = click.argument("digest")


@click.command(epilog='\b\nExamples:\n  lading -C acme --as ada policy propose --reason "residency for the EU"')
@REASON
@verb
def propose(session: Session, reason: str) -> None:
    """Propose the workspace's policy folder as it is now.

    It must load, be free of lint errors and pass its suites. A second person approves it; until then it decides
    nothing.
    """
    session.show(session.act("policy.propose", {"reason": reason}), lambda found: _candidate(session, found))


@click.command(epilog='\b\nExamples:\n  lading -C acme --as bea policy approve 1f0c2d9a --reason "as agreed"')
@DIGEST
@REASON
@click.option("--later", is_flag=True, help="Only sign: 'policy activate' lets it decide, within four hours.")
@verb
def approve(session: Session, digest: str, reason: str, *, later: bool) -> None:
    """Approve a proposed bundle, as somebody other than its author, and let it decide.

    The approval is signed and binds the bundle, its suites, the bundle it replaces and its author. It counts once.
    """
    params = {"digest": digest, "reason": reason, "later": later}
    result = session.act("policy.approve", params)
    session.show(result, lambda found: _candidate(session, found) if later else _activated(session, found))


@click.command(epilog="\b\nExamples:\n  lading -C acme --as ada policy activate 1f0c2d9a")
@DIGEST
@verb
def activate(session: Session, digest: str) -> None:
    """Let an approved bundle decide, in every process, from the next decision on."""
    session.show(session.act("policy.activate", {"digest": digest}), lambda done: _activated(session, done))


@click.command(epilog='\b\nExamples:\n  lading -C acme --as bea policy withdraw 1f0c2d9a --reason "not yet"')
@DIGEST
@REASON
@verb
def withdraw(session: Session, digest: str, reason: str) -> None:
    """Take a proposal back, or turn down somebody else's."""
    result = session.act("policy.withdraw", {"digest": digest, "reason": reason})
    session.show(result, lambda found: f"{_tick()} bundle {found['digest'][:16]} is withdrawn")


@click.command(
    epilog="""\b
Examples:
  lading -C acme --as ada policy rollback --reason "denies what it should not"
  lading -C acme --as ada policy rollback --to 6fd0a3 --reason "back to Monday"
"""
)
@click.option("--to", metavar="DIGEST", help="A bundle that decided before.  [default: the one before this]")
@REASON
@verb
def rollback(session: Session, to: str | None, reason: str) -> None:
    """Let a bundle that decided before decide again, at once.

    It needs no new approval: it was approved when it first decided. The files in policies/ stay as they are.
    """
    result = session.act("policy.rollback", {"reason": reason} | ({"to": to} if to else {}))
    session.show(result, lambda done: _activated(session, done))


@click.command(epilog="\b\nExamples:\n  lading -C acme policy history\n  lading -C acme policy history --json")
@verb
def history(session: Session) -> None:
    """Show what decided, since when, who proposed and approved it and why; and what waits to decide."""
    from engine.workspace.governing.history import history

    session.show(history(session.home), lambda shown: _history(session, shown))


@click.command(
    epilog="""\b
Examples:
  lading -C acme --as ada policy shadow 1f0c2d9a
  lading -C acme policy shadow
  lading -C acme --as ada policy shadow 1f0c2d9a --end
"""
)
@click.argument("digest", required=False)
@click.option("--end", is_flag=True, help="End the shadow.")
@verb
def shadow(session: Session, digest: str | None, *, end: bool) -> None:
    """Let a candidate decide in shadow: recorded beside every decision, acted on by nobody.

    Without a digest, show where what shadows said differs from what was decided.
    """
    if digest is not None:
        result = session.act("policy.shadow", {"digest": digest, "end": end})
        said = "no longer decides" if end else "decides"
        session.show(result, lambda found: f"{_tick()} bundle {found['digest'][:16]} {said} in shadow")
        return
    from engine.workspace.governing.history import shadow_differences

    session.show(shadow_differences(session.home), _differences)


def _tick() -> str:
    return click.style("✔", fg="green")


def _candidate(session: Session, found: dict[str, Any]) -> str:
    lines = [f"{_tick()} bundle {found['digest'][:16]} is {'approved' if found['approved'] else found['state']}"]
    suites = found["report"].get("suites", {})
    if suites:
        lines.append(f"  suites    {suites['passed']} passed, {suites['failed']} failed")
    if found["report"].get("effect"):
        lines.append(f"  effect    {found['report']['effect']}")
    changed = found["report"].get("active_suites", {}).get("failures", [])
    lines += [f"  {click.style('▲', fg='yellow')} changes   {each}" for each in changed]
    digest = found["digest"][:16]
    next_ = f"policy activate {digest}" if found["approved"] else f"policy approve {digest} --reason '…'"
    lines.append(f"  next      {command(next_, by='SOMEBODY')}")
    return "\n".join([*lines, *advice(session)])


def _activated(session: Session, done: dict[str, Any]) -> str:
    approved = f", approved by {done['approver']}" if done["approver"] else ""
    before = f"  before    {done['previous'][:16]}" if done["previous"] else "  before    nothing"
    lines = [
        f"{_tick()} bundle {done['digest'][:16]} decides from now on",
        before,
        f"  by        {done['author']}{approved}",
    ]
    return "\n".join([*lines, *advice(session)])


def _history(session: Session, shown: dict[str, Any]) -> str:
    rows = [
        (
            str(each["number"]),
            each["at"],
            each["digest"][:16],
            each["kind"],
            each["author"],
            each["approver"] or "-",
            each["reason"],
        )
        for each in shown["activations"]
    ]
    waiting = [
        (each["digest"][:16], each["state"], each["author"] or "-", each["updated"], each["summary"] or each["reason"])
        for each in shown["candidates"]
    ]
    parts = [table(rows, ("#", "SINCE", "BUNDLE", "KIND", "AUTHOR", "APPROVER", "REASON"))]
    if waiting:
        parts += ["", table(waiting, ("CANDIDATE", "STATE", "AUTHOR", "CHANGED", "ABOUT"))]
    parts += [f"{click.style('▲', fg='yellow')} bundle {each[:16]} decides in shadow" for each in shown["shadows"]]
    return "\n".join([*parts, *advice(session)])


def _differences(shown: dict[str, Any]) -> str:
    different = len(shown["differences"])
    differ = f"{different} {agreeing(different, 'differ')} from what was decided"
    lines = [f"{counted(shown['decisions'], 'decisions')} in shadow, {differ}"]
    lines += [
        f"  {each['time']}  {each['principal']} {each['action']} {each['resource']}: decided {each['decided']} "
        f"({', '.join(each['because'])}), shadow {each['shadow']} ({', '.join(each['shadow_because'])})"
        for each in shown["differences"]
    ]
    return "\n".join(lines)
