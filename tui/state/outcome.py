"""What an operation came to, in a sentence."""

from typing import Any, Final

NOBODY: Final = "say who acts: 'lading --as NAME tui', or LADING_AS"
"""What a key says that asks something of the engine, while nobody is named."""


def denial(result: Any) -> str | None:
    """Return why policy denied an operation and what to do about it; None if it was performed."""
    denied = result.get("denied") if isinstance(result, dict) else None
    if not isinstance(denied, dict):
        return None
    because = ", ".join(str(each) for each in denied.get("because", ()))
    conditions = "; ".join(str(each.get("condition")) for each in denied.get("reasons", ()) if isinstance(each, dict))
    remedies = "  ".join(str(each) for each in denied.get("remedies", ()))
    return "  ".join(part for part in (f"denied by {because}", conditions, remedies) if part)
