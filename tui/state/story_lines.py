"""The custody story of an artifact, as lines: each handoff, who said what and how far it is proved, what was done."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tui.state.glyphs import Glyphs
from tui.state.line import BLANK, Line, Piece, Role, clean, wrap

PARTS: Final = {
    "earlier": "as its chain of custody tells",
    "received": "received here",
    "sent": "sent from here",
}
INDENT: Final = 2
HANGING: Final = INDENT + 2
LABEL_CELLS: Final = 10
SHORT: Final = 16
"""How much of a digest is shown where it only names something; a copy has all of it."""

DECIDED: Final = {"permit": ("good", Role.GOOD), "deny": ("bad", Role.BAD)}


def told(story: Mapping[str, Any], *, width: int, glyphs: Glyphs) -> list[Line]:
    """Return a story as the operation `custody.story` tells it, in lines of at most `width` cells."""
    return list(_Teller(width, glyphs).lines(story))


class _Teller:
    def __init__(self, width: int, glyphs: Glyphs) -> None:
        self._width = width
        self._glyphs = glyphs

    def lines(self, story: Mapping[str, Any]) -> Iterator[Line]:
        yield (Piece(clean(str(story["artifact"])), Role.STRONG),)
        yield from self._fact("root", story["root"])
        yield from self._fact("origin", f"{story['origin']}, licence {story['licence'] or 'not declared'}")
        yield from self._fact("here", f"{story['state']}, {_place(story['held'])}")
        yield from self._section(
            "what does not hold", (self._marked("bad", Role.BAD, str(each), "") for each in story["problems"])
        )
        yield from self._section("signatures of the origin", (self._said(each) for each in story["signatures"]))
        for number, handoff in enumerate(story["handoffs"], start=1):
            yield from self._handoff(number, handoff)
        yield from self._section("later attestations", (self._said(each) for each in story["attestations"]))
        yield from self._section("what was done with it here", (self._happened(each) for each in story["happened"]))

    def _section(self, title: str, items: Iterable[Iterable[Line]]) -> Iterator[Line]:
        lines = [line for item in items for line in item]
        if lines:
            yield BLANK
            yield (Piece(title, Role.STRONG),)
            yield from lines

    def _handoff(self, number: int, handoff: Mapping[str, Any]) -> Iterator[Line]:
        yield BLANK
        way = f"handoff {number}: {handoff['sender']} {self._glyphs.sent} {handoff['receiver']}, {handoff['state']}"
        for text in wrap(way, self._width):
            yield (Piece(text, Role.STRONG),)
        yield from self._fact("transfer", f"{handoff['transfer']}, {PARTS[handoff['part']]}")
        yield from self._fact("for", f"{handoff['purpose']}, licence {handoff['licence'] or 'not declared'}")
        yield from self._fact("agreement", handoff["agreement"])
        if handoff["sealed_to"]:
            yield from self._fact("key", handoff["sealed_to"])
        for said in handoff["statements"]:
            yield from self._said(said)
        for decided in handoff["decisions"]:
            yield from self._decided(decided)

    def _said(self, said: Mapping[str, Any]) -> Iterator[Line]:
        if said["proof"] == "verified":
            yield from self._marked("good", Role.GOOD, said["name"], f"{said['signer']}, {_moment(said['time'])}")
        else:
            withheld = said["proof"] == "withheld"
            glyph, role = ("unchecked", Role.ATTENTION) if withheld else ("bad", Role.BAD)
            yield from self._marked(
                glyph, role, f"{said['name']} {said['proof']}", f"{said['organization']}: {said['why']}"
            )

    def _decided(self, decided: Mapping[str, Any]) -> Iterator[Line]:
        glyph, role = DECIDED.get(decided["decision"], ("attention", Role.ATTENTION))
        because = "its reasons were erased" if decided["because"] is None else ", ".join(decided["because"])
        what = f"{decided['decision']} {decided['action'] or ''}".strip()
        yield from self._marked(glyph, role, what, f"{because}, {_moment(decided['time'])}, entry {decided['index']}")

    def _happened(self, each: Mapping[str, Any]) -> Iterator[Line]:
        who = f"pseudonym {each['actor'][:SHORT]}, the rest was erased" if each["erased"] else str(each["actor"])
        what = each["type"].partition(".")[2]
        yield from self._marked(
            "running", Role.MUTED, what, f"by {who}, {_moment(each['time'])}, entry {each['index']}"
        )

    def _marked(self, glyph: str, role: Role, name: str, text: str) -> Iterator[Line]:
        """Yield sign and name in their colour, the text behind, wrapped below its own beginning."""
        name = clean(str(name))
        first, *rest = wrap(f"{name}  {text}".rstrip(), self._width - HANGING)
        cut = min(len(name), len(first))
        sign = f"{getattr(self._glyphs, glyph)} {first[:cut]}"
        yield (Piece(" " * INDENT), Piece(sign, role), Piece(first[cut:]))
        for line in rest:
            yield (Piece(" " * HANGING), Piece(line))

    def _fact(self, label: str, text: object) -> Iterator[Line]:
        for at, line in enumerate(wrap(str(text), self._width - LABEL_CELLS)):
            yield (Piece(f"{label if at == 0 else '':<{LABEL_CELLS}}", Role.MUTED), Piece(line))


def _place(held: Mapping[str, str]) -> str:
    if "folder" in held:
        return f"in the folder {held['folder']}"
    key = f"to key {held['key']}" if "key" in held else "whose key is destroyed"
    return f"sealed under agreement {held['agreement'][:SHORT]} {key}"


def _moment(text: object) -> str:
    return f"{str(text)[:10]} {str(text)[11:19]}Z"
