"""`lading audit rotate-key`: end the log, and go on in the next one under a new key."""

from typing import Any

import click

from engine.cli.command import DENIED, Session, denial, verb
from engine.cli.progress import Bar, entries
from engine.errors import UsageError
from engine.text import counted


@click.command(
    "rotate-key",
    epilog="""\b
Examples:
  lading -C acme --as sec audit rotate-key --reason 'once a year'
  lading -C acme --as sec audit rotate-key --reason 'the key was copied' --forget-old-key
""",
)
@click.option("--reason", required=True, help="Why; both logs keep it for good.")
@click.option("--forget-old-key", is_flag=True, help="Remove the old private key, instead of keeping it in keys/.")
@click.option("--open-transfers", is_flag=True, help="Do it although transfers are under way: their bills prove less.")
@verb
def rotate_key(session: Session, reason: str, *, forget_old_key: bool, open_transfers: bool) -> int:
    """End this log, and go on in the log of the next origin under a new key.

    The old log's last entry names the new key, and witnesses that answer cosign it; the new log begins with the old
    one's last checkpoint. The old log stays, and verifies. Partners take the new log once they have confirmed the new
    trust document.

    Stop the gateway first. Interrupted, it is finished by running it again. Who asks needs the right to govern.
    """
    from engine.workspace.origins.rotating import rotate_key as rotate

    if session.who is None:
        raise UsageError("nobody acts: both logs name who rotated the key", remedy="Name yourself with '--as NAME'.")
    with Bar("verifying", enabled=not session.as_json, amount=entries) as bar:
        result = rotate(
            session.home,
            who=session.who,
            reason=reason,
            forget=forget_old_key,
            open_transfers=open_transfers,
            progress=bar.update,
        )
    if "denied" in result:
        session.show(result, lambda denied: denial(denied["denied"]))
        return DENIED
    session.show(result, _rotated)
    return 0


def _rotated(result: dict[str, Any]) -> str:
    ended = f"{result['former']} ended with {counted(result['size'], 'entries')}"
    lines = [
        f"{click.style('✔', fg='green')} {ended}, and {result['origin']} goes on under a new key",
        f"  key        {result['key']}",
        f"  former     {result['kept']}",
        f"  old key    {result['old_key'] or 'removed; copies elsewhere are yours to remove'}",
        f"  cosigned   {', '.join(result['cosigned_by']) or 'by nobody'}",
        f"  next       partners confirm version {result['version']} of trust/own/trust.json",
    ]
    if result["not_cosigned_by"]:
        lines.append(f"  missing    did not cosign the end: {', '.join(result['not_cosigned_by'])}")
    if result["third_parties"]:
        who = ", ".join(result["third_parties"])
        lines.append(f"  witnesses  {who} cosign nothing of it before they add it:")
        lines.append(f"             lading witness add-log {result['key']}")
    if result["holds"]:
        lines.append(f"  holds      place again, for new entries: {', '.join(result['holds'])}")
    return "\n".join(lines)
