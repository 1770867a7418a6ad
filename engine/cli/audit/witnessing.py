"""`lading audit witness …`, and cosignatures by files: who cosigns this log, and how far each got."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import FAILED, INDEX, OUTPUT, Session, carried_over, table, verb
from engine.text import counted

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def witness() -> None:
    """The witnesses of this log: partners, and third parties pinned by hand."""


@witness.command(
    epilog="\b\nExamples:\n"
    "  lading --as ada audit witness add archive witness.example+17ad2f6a+BCms… --url https://witness.example:8444\n"
    "  lading --as ada audit witness add notary notary.example+8d5e5b0c+BAbl…\n"
    "  lading --as ada audit witness add notary notary.example+8d5e5b0c+BAbl… --not-of borealis.example"
)
@click.argument("name")
@click.argument("vkey")
@click.option("--url", help="Where it is asked (C2SP submission prefix); without it, by files.")
@click.option("--ca", type=FILE, help="Authorities its HTTPS certificate must chain to (PEM).")
@click.option(
    "--not-of", multiple=True, metavar="ORGANIZATION", help="A partner that lists the key, which is not theirs."
)
@verb
def add(session: Session, name: str, vkey: str, url: str | None, ca: Path | None, not_of: tuple[str, ...]) -> None:
    """Pin a third-party witness, after you compared its verifier key with its operator.

    A key that a partner's trust document lists is pinned only with --not-of: its operator confirmed to you, by another
    way, that it is not that partner's. It then counts as this witness alone, and no longer as the partner's.
    """
    text = ca.read_text(encoding="utf-8", errors="replace") if ca else None
    result = session.act("witness.pin", {"name": name, "vkey": vkey, "url": url, "ca": text, "not_of": not_of})
    session.show(result, lambda r: f"{r['name']} {'was pinned already' if r['known'] else 'is pinned'}")


@witness.command(epilog="\b\nExamples:\n  lading --as ada audit witness remove archive")
@click.argument("name")
@verb
def remove(session: Session, name: str) -> None:
    """Let a third-party witness count no longer. What it cosigned can still be verified."""
    result = session.act("witness.unpin", {"name": name})
    session.show(result, lambda r: f"{r['name']} counts no longer")


@witness.command("list", epilog="\b\nExamples:\n  lading audit witness list\n  lading audit witness list --json")
@verb
def list_(session: Session) -> None:
    """Show for each witness what it cosigned last, and how old that is."""
    session.show(_report(session), _listed)


@witness.group()
def policy() -> None:
    """Which witnesses must have cosigned: trust/witness-policy (C2SP tlog-policy)."""


@policy.command(epilog="\b\nExamples:\n  lading audit witness policy check\n  lading audit witness policy check --json")
@verb
def check(session: Session) -> int:
    """Read the policy, and say up to which size the quorum holds. Exits 5 when it holds nowhere."""
    report = _report(session)
    session.show(report, _checked)
    stated = report["policy"]
    return FAILED if stated["unknown"] or (stated["required"] and stated["holds_at"] is None) else 0


@click.command(
    "request-cosignature",
    epilog="\b\nExamples:\n  lading audit request-cosignature -o request.txt\n"
    "  lading audit request-cosignature --witness archive -o request.txt\n"
    "  lading audit request-cosignature --old 120 -o request.txt",
)
@click.option("-o", "--output", type=OUTPUT, required=True, help="Where to write the request.")
@click.option("--old", type=INDEX, help="The size it cosigned last, as it says.")
@click.option("--witness", "name", metavar="NAME", help="The witness, as it is pinned, to look that size up.")
@verb
def request_cosignature(session: Session, output: Path, old: int | None, name: str | None) -> None:
    """Write the request for a witness that no network reaches ('lading witness cosign')."""
    from engine.files import write_atomic
    from engine.workspace.witness.cosigning import request_cosignature as make

    result = make(session.home, old, name)
    write_atomic(output, str(result["request"]).encode())
    session.show(result, lambda r: f"wrote {output}: {counted(r['size'], 'entries')}, from {r['old']} on")


@click.command("add-cosignature", epilog="\b\nExamples:\n  lading --as ada audit add-cosignature cosigned.txt")
@click.argument("file", type=FILE)
@verb
def add_cosignature(session: Session, file: Path) -> None:
    """Take in a cosigned checkpoint of this log that a witness sent back as a file."""
    result = session.act("witness.add-cosignature", {"file": str(file.absolute())})
    session.show(result, lambda r: f"{', '.join(r['witnesses'])} cosigned {counted(r['size'], 'entries')}")


def _report(session: Session) -> dict[str, Any]:
    from engine.events import system_clock
    from engine.workspace.witness.witnessing import witness_report

    return witness_report(session.home, system_clock())


def _listed(report: dict[str, Any]) -> str:
    if not report["witnesses"]:
        return f"nobody witnesses this log yet: confirm a partner, or pin a third party with {_add()}"
    rows = [
        (
            each["name"],
            each["kind"],
            "-" if each["size"] is None else f"{each['size']} of {report['size']}",
            "never" if each["age_seconds"] is None else _age(each["age_seconds"]),
            each["url"] or "-",
        )
        for each in report["witnesses"]
    ]
    return table(rows, ("WITNESS", "KIND", "COSIGNED", "AGE", "URL")) + "\n" + _checked(report)


def _add() -> str:
    return carried_over("'lading audit witness add'")


def _checked(report: dict[str, Any]) -> str:
    stated = report["policy"]
    source = "trust/witness-policy" if stated["written"] else "no policy is written: any pinned third party will do"
    if stated["unknown"]:
        names = ", ".join(stated["unknown"])
        return f"{click.style('✘', fg='red')} the policy names {names}, whom nobody pinned: {_add()}"
    if not stated["required"]:
        return f"{click.style('▲', fg='yellow')} no cosignature is demanded ({source})"
    if stated["holds_at"] is None:
        needed = f"; it cannot without {', '.join(stated['needed'])}" if stated["needed"] else ""
        return f"{click.style('✘', fg='red')} the quorum {stated['quorum']} holds nowhere yet{needed} ({source})"
    witnessed = "" if stated["witnessed_at"] is not None else ", by parties alone: that is bilateral"
    return (
        f"{click.style('✔', fg='green')} the quorum {stated['quorum']} holds up to entry {stated['holds_at']} "
        f"of {report['size']}{witnessed} ({source})"
    )


def _age(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    return f"{seconds} s" if minutes < 2 else f"{minutes} min" if hours < 2 else f"{hours} h"  # noqa: PLR2004
