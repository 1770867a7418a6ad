"""Refusals as problem details (RFC 9457), written by this side and read from the other.

What is read comes from a partner and is shown to people, so it is cut short and stripped of control characters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.digest import JSON, parse_json
from engine.errors import InputError
from engine.text import printable

MEDIA_TYPE: Final = "application/problem+json"
LIMIT: Final = 64 * 1024
"""The most bytes a problem may have."""
UNTRUSTED: Final = "untrusted-peer"
"""The code for a certificate that no bundle vouches for."""

DIGEST_MISMATCH: Final = "digest-mismatch"
"""The code for bytes that are not those that were offered."""

_TEXT_LIMIT: Final = 1000
_MOST_CODES: Final = 64
_TEXTS: Final = ("type", "title", "detail", "instance", "decision", "remedy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a request was refused, as far as the other side may know.

    Attributes:
        status: the HTTP status, 400 to 599.
        title: what kind of problem it is, the same each time.
        detail: what was found and what was expected this time.
        codes: stable codes of findings or reasons, such as `digest-mismatch`; the first one names the type.
        decision: the id of the policy decision, if one was made.
        remedy: what the other side's people can do about it.
        instance: a name by which this side finds the occurrence in its own records.
    """

    status: int
    title: str
    detail: str = ""
    codes: tuple[str, ...] = ()
    decision: str | None = None
    remedy: str | None = None
    instance: str | None = None

    @property
    def type(self) -> str:
        """The URI that names the kind of problem."""
        return f"urn:lading:problem:{self.codes[0]}" if self.codes else "about:blank"

    def body(self) -> bytes:
        """Return the JSON body, without members that say nothing."""
        members = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "codes": list(self.codes),
            "decision": self.decision,
            "remedy": self.remedy,
            "instance": self.instance,
        }
        said = {name: value for name, value in members.items() if value not in (None, "", [])}
        return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


class ProblemError(Exception):
    """Raised by whoever answers a request, to refuse it. It never leaves the room: it becomes an answer.

    Attributes:
        problem: what the other side is told.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        codes: tuple[str, ...] = (),
        decision: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.problem = Problem(status=status, title=title, detail=detail, codes=codes, decision=decision, remedy=remedy)


def revoked() -> ProblemError:
    """Return the answer about a transfer that policy stopped."""
    return ProblemError(
        403,
        "This transfer was stopped",
        "policy no longer permits it, and nothing more is taken",
        codes=("revoked",),
        remedy="Ask the receiving organization why; a new offer is decided anew.",
    )


def expired() -> ProblemError:
    """Return the answer about a transfer that was not here whole by the deadline of its acceptance."""
    return ProblemError(
        410,
        "The acceptance has expired",
        "not everything had come by the deadline that it states, and nothing more is taken",
        codes=("expired",),
        remedy="Send it again: that is a new offer, and it is decided anew.",
    )


def read_problem(status: int, body: bytes) -> dict[str, Any]:
    """Return what a partner says about a refusal: known members only, harmless to show.

    A body that is no problem document says nothing; the status still counts.

    Args:
        status: of the answer; the body's own claim is not believed.
        body: the answer's body, at most `LIMIT` bytes of it.
    """
    try:
        said = parse_json(body, what="the partner's answer", limit=LIMIT)
    except InputError:
        said = None
    members = said if isinstance(said, Mapping) else {}
    found: dict[str, Any] = {"status": status}
    for name in _TEXTS:
        text = members.get(name)
        if isinstance(text, str) and text:
            found[name] = shown(text)
    found["codes"] = _codes(members.get("codes"))
    return found


def shown(text: str) -> str:
    """Return a partner's text as people may see it, cut to a length that they read."""
    return printable(text[:_TEXT_LIMIT])[:_TEXT_LIMIT]


def _codes(value: JSON) -> list[str]:
    codes = value if isinstance(value, list) else []
    return [shown(code) for code in codes[:_MOST_CODES] if isinstance(code, str)]
