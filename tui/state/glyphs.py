"""The signs on the screen, in Unicode and in ASCII. A sign never stands without a word or a legend."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One character for each meaning.

    Attributes:
        good: permitted, proved, done.
        bad: denied, broken, failed.
        attention: somebody has to look.
        running: in progress.
        unchecked: nobody knows yet; it must never look good.
        cursor: marks the row the keys act on.
        full: the part of a bar that is done.
        empty: the part of a bar that is left.
        sent: a transfer that leaves this organization.
        received: a transfer that comes in.
        held: a cell of a chunk map whose chunks are all here.
        partial: a cell of which some are here.
        missing: a cell of which none is here.
        up: a service that runs.
        down: a service that does not.
        ellipsis: text was cut here.
        branch: one of several things below another.
        last: the last of them.
        stem: leads past them.
    """

    good: str
    bad: str
    attention: str
    running: str
    unchecked: str
    cursor: str
    full: str
    empty: str
    sent: str
    received: str
    held: str
    partial: str
    missing: str
    up: str
    down: str
    ellipsis: str
    branch: str
    last: str
    stem: str


UNICODE = Glyphs(
    good="✔",
    bad="✘",
    attention="▲",
    running="▶",
    unchecked="·",
    cursor="▌",
    full="━",
    empty="─",
    sent="→",
    received="←",
    held="■",
    partial="□",
    missing="·",
    up="●",
    down="○",
    ellipsis="…",
    branch="├",
    last="└",
    stem="│",
)

ASCII = Glyphs(
    good="+",
    bad="X",
    attention="!",
    running=">",
    unchecked=".",
    cursor="|",
    full="=",
    empty="-",
    sent=">",
    received="<",
    held="#",
    partial="+",
    missing=".",
    up="*",
    down="o",
    ellipsis="~",
    branch="|",
    last="`",
    stem="|",
)


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """Choose ASCII for `LADING_ASCII=1`, and wherever `NO_COLOR` is set (https://no-color.org)."""
    plain = environ.get("LADING_ASCII") == "1" or bool(environ.get("NO_COLOR"))
    return ASCII if plain else UNICODE
