"""`lading custody`: the story of an artifact, and attestations that come later."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from engine.cli.command import OUTPUT, Session, verb
from engine.text import printable

WIDTH: Final = 80
SHORT: Final = 16
"""How much of a digest is shown where it only names something; `--json` has all of it."""

MARKS: Final = {"verified": ("✔", "green"), "unverified": ("✘", "red"), "withheld": ("○", "yellow")}
PARTS: Final = {
    "earlier": "as its chain of custody tells",
    "received": "received here",
    "sent": "sent from here",
}


@click.group()
def custody() -> None:
    """Where an artifact came from, through whose hands, and what was said and done about it."""


@custody.command(
    epilog="\b\nExamples:\n  lading --as bea custody story sentiment:3.1\n"
    "  lading --as bea custody story 1f2e3d4c --json"
)
@click.argument("artifact")
@verb
def story(session: Session, artifact: str) -> None:
    """Tell the whole life of ARTIFACT here, every signature verified now under the trust that is pinned.

    ✔ is verified, ✘ is not and says why, ○ is withheld: its owner did not show it, or it is not kept here.
    """
    session.show(session.act("custody.story", {"ref": artifact}), told)


@custody.command(
    epilog="\b\nExamples:\n  lading --as bea custody attach sentiment:3.1 audit.sigstore.json --from auditors.example"
)
@click.argument("artifact")
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--from", "organization", metavar="ORG", required=True, help="In whose name it was signed.")
@verb
def attach(session: Session, artifact: str, bundle: Path, organization: str) -> None:
    """Keep what another organization attests of ARTIFACT: a Sigstore bundle over an in-toto statement about it.

    It is verified under the trust pinned for that organization, and logged.
    """
    params = {"ref": artifact, "bundle": str(bundle.absolute()), "organization": organization}
    session.show(session.act("custody.attach", params), _kept)


@custody.command(
    epilog="""\b
Examples:
  lading --as bea custody attest sentiment:3.1 --predicate result.json \\
      --type https://in-toto.io/attestation/test-result/v0.1 -o result.sigstore.json
"""
)
@click.argument("artifact")
@click.option("--type", "predicate_type", metavar="URI", required=True, help="The in-toto predicate type.")
@click.option(
    "--predicate",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="A JSON file with what is attested.",
)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The bundle to write.")
@verb
def attest(session: Session, artifact: str, predicate_type: str, predicate: Path, output: Path) -> None:
    """Sign what this organization attests of ARTIFACT, keep it, and write the bundle to send to others."""
    from engine.files import write_atomic

    params = {"ref": artifact, "predicate_type": predicate_type, "predicate": str(predicate.absolute())}
    result = session.act("custody.attest", params)
    write_atomic(output.absolute(), result["bundle"].encode())
    summary = {key: value for key, value in result.items() if key != "bundle"} | {"file": str(output)}
    session.show(summary, lambda made: f"{_kept(made)}\nwrote {output}")


def _kept(result: Mapping[str, Any]) -> str:
    return (
        f"{result['organization']} attests {result['predicate_type']}\n"
        f"  of        {result['artifact']}  {result['root']}\n"
        f"  signed by {result['signer']} at {_moment(result['time'])}"
    )


def told(story_: Mapping[str, Any]) -> str:
    """Word a story in lines of at most 80 columns."""
    return "\n".join(_lines(story_))


def _lines(story_: Mapping[str, Any]) -> Iterator[str]:
    yield click.style(printable(story_["artifact"]), bold=True)
    yield f"root     {story_['root']}"
    yield from _wrapped("origin   ", f"{story_['origin']}, licence {story_['licence'] or 'not declared'}")
    yield from _wrapped("here     ", f"{story_['state']}, {_place(story_['held'])}")
    yield from _section("signatures of the origin", (_said(each) for each in story_["signatures"]))
    for number, handoff in enumerate(story_["handoffs"], start=1):
        yield from _handoff(number, handoff)
    yield from _section("later attestations", (_said(each) for each in story_["attestations"]))
    yield from _section("what was done with it here", (_happened(each) for each in story_["happened"]))
    yield from _section(
        "what does not hold", (_wrapped(f"  {_mark('unverified')} ", each) for each in story_["problems"])
    )


def _section(title: str, items: Iterable[Iterable[str]]) -> Iterator[str]:
    lines = [line for item in items for line in item]
    if lines:
        yield ""
        yield title
        yield from lines


def _handoff(number: int, handoff: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield from _wrapped(f"handoff {number}: ", f"{handoff['sender']} → {handoff['receiver']}, {handoff['state']}")
    yield f"  {handoff['transfer']}, {PARTS[handoff['part']]}"
    yield from _wrapped("  for       ", f"{handoff['purpose']}, licence {handoff['licence'] or 'not declared'}")
    yield from _wrapped("  agreement ", handoff["agreement"])
    if handoff["sealed_to"]:
        yield from _wrapped("  key       ", handoff["sealed_to"])
    for each in handoff["statements"]:
        yield from _said(each)
    for each in handoff["decisions"]:
        because = "its reasons were erased" if each["because"] is None else ", ".join(each["because"])
        what = f"{each['decision']} {each['action'] or ''}".strip()
        yield from _wrapped("  · ", f"{_moment(each['time'])} {what}: {because} (entry {each['index']})")


def _said(said: Mapping[str, Any]) -> Iterator[str]:
    head = f"  {_mark(said['proof'])} "
    if said["proof"] == "verified":
        yield from _wrapped(head, f"{said['name']}: {said['signer']}, {_moment(said['time'])}")
    else:
        yield from _wrapped(head, f"{said['name']} of {said['organization']} {said['proof']}: {said['why']}")


def _happened(each: Mapping[str, Any]) -> Iterator[str]:
    said = f"by {each['actor']}" if not each["erased"] else f"by pseudonym {each['actor'][:SHORT]}, the rest was erased"
    details = ", ".join(f"{name} {_value(value)}" for name, value in each["details"].items() if _value(value))
    line = f"{_moment(each['time'])} {each['type'].partition('.')[2]} {said}"
    return _wrapped("  · ", f"{line} (entry {each['index']})" + (f": {details}" if details else ""))


def _value(value: Any) -> str:
    match value:
        case str() | int() | float():
            return str(value)
        case list():
            return ", ".join(map(str, value))
        case _:
            return ""


def _place(held: Mapping[str, str]) -> str:
    if "folder" in held:
        return f"in the folder {held['folder']}"
    key = f" to key {held['key']}" if "key" in held else ", whose key is destroyed"
    return f"sealed in {held['store']} under agreement {held['agreement'][:SHORT]}{key}"


def _wrapped(head: str, text: str) -> Iterator[str]:
    """Yield lines of at most 80 columns, the later ones indented below the text of the first."""
    room = WIDTH - len(click.unstyle(head))
    lines = textwrap.wrap(printable(text), room, break_on_hyphens=False) or [""]
    yield head + lines[0]
    yield from (" " * (WIDTH - room) + line for line in lines[1:])


def _mark(proof: str) -> str:
    mark, colour = MARKS[proof]
    return click.style(mark, fg=colour)


def _moment(text: str) -> str:
    return f"{text[:10]} {text[11:19]}Z"
