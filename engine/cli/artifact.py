"""`lading artifact`: pack, list, show, export, use."""

from pathlib import Path
from typing import Any

import click

from engine.cli.command import Session, carried_over, table, verb
from engine.cli.progress import Bar, size
from engine.text import counted


@click.group()
def artifact() -> None:
    """What this organization holds: pack it, list it, show it, export it, use it."""


@artifact.command(
    epilog="""\b
Examples:
  lading --as ada artifact pack ./model --name sentiment --version 3.1
  lading --as ada artifact pack ./model --name sentiment --version 3.2 \\
      --sensitivity confidential --project risk
"""
)
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--name", required=True, help="The artifact's name, such as sentiment.")
@click.option("--version", required=True, help="Its version; one version is one content for ever.")
@click.option(
    "--sensitivity",
    type=click.Choice(["public", "internal", "confidential", "restricted"]),
    help="Who may see it.  [default: internal]",
)
@click.option("--licence", help="SPDX expression, where the model card has none.")
@click.option("--project", help="The project it belongs to.")
@verb
def pack(session: Session, path: Path, name: str, version: str, **details: str | None) -> None:
    """Describe a folder as an artifact: every byte covered, signed, recorded in the registry.

    The same folder gives the same root digest on any machine. Symlinks, special files, unreadable files and files
    that change meanwhile are refused.
    """
    params = {"path": str(path.absolute()), "name": name, "version": version}
    with Bar("packing", enabled=not session.as_json) as bar:
        result = session.act(
            "artifact.pack", params | {k: v for k, v in details.items() if v is not None}, progress=bar.update
        )
    session.show(result, _packed)


def _packed(result: dict[str, Any]) -> str:
    verdict = "was packed before" if result["known"] else "packed and signed"
    return (
        f"{result['name']}:{result['version']} {verdict}\n"
        f"  root      {result['root']}\n"
        f"  files     {result['files']}, {size(result['size'])}, {counted(result['chunks'], 'chunks')}\n"
        f"  licence   {result['licence'] or 'none found'}\n"
        f"  signed by {result['signed_by']}"
    )


@artifact.command(
    "list", epilog="\b\nExamples:\n  lading --as ada artifact list\n  lading --as ada artifact list --json"
)
@verb
def list_(session: Session) -> None:
    """List the artifacts this organization holds and you may view."""
    session.show(session.act("artifact.list", {}), _listed)


def _listed(result: dict[str, Any]) -> str:
    if not result["artifacts"]:
        return carried_over("no artifacts yet: 'lading artifact pack' makes the first")
    rows = [
        (f"{a['name']}:{a['version']}", a["root"][:16], a["state"], a["origin"], size(a["size"]))
        for a in result["artifacts"]
    ]
    return table(rows, ("ARTIFACT", "ROOT", "STATE", "ORIGIN", "SIZE"))


@artifact.command(
    epilog="\b\nExamples:\n  lading --as ada artifact show sentiment:3.1\n  lading --as ada artifact show 1f2e3d4c"
)
@click.argument("ref")
@verb
def show(session: Session, ref: str) -> None:
    """Show one artifact: NAME:VERSION, its root digest, or 8 or more characters of it."""
    session.show(session.act("artifact.show", {"ref": ref}), _shown)


def _shown(result: dict[str, Any]) -> str:
    facts = [f"{key:<12} {result[key]}" for key in ("artifact", "root", "state", "origin", "licence", "sensitivity")]
    files = [(f["path"], size(f["size"]), f["sha256"][:16], f["format"]) for f in result["files"]]
    return "\n".join([*facts, "", table(files, ("FILE", "SIZE", "SHA-256", "FORMAT"))])


@artifact.command(
    epilog="""\b
Examples:
  lading --as bea artifact export sentiment:3.1 ./model
  lading --as bea artifact export 1f2e3d4c ./model --purpose evaluation
"""
)
@click.argument("ref")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--purpose", default="", help="What the copy is for; the agreement may demand one.")
@verb
def export(session: Session, ref: str, folder: Path, purpose: str) -> None:
    """Write an artifact's files to a new FOLDER: the action copy, asked of policy and logged."""
    params = {"ref": ref, "folder": str(folder.absolute()), "purpose": purpose}
    with Bar("exporting", enabled=not session.as_json) as bar:
        result = session.act("artifact.export", params, progress=bar.update)
    session.show(result, lambda r: f"wrote {counted(r['files'], 'files')}, {size(r['size'])}, to {r['folder']}")


@artifact.command(
    epilog="""\b
Examples:
  lading --as bea artifact use sentiment:3.1 execute --purpose evaluation
  lading --as bea artifact use 1f2e3d4c deploy --purpose production --impact 'answers questions of customers'
"""
)
@click.argument("ref")
@click.argument("act", type=click.Choice(["execute", "deploy"]))
@click.option("--purpose", default="", help="What for; the agreement may demand one.")
@click.option("--impact", default="", help="What is expected of it, in your words.")
@verb
def use(session: Session, ref: str, act: str, purpose: str, impact: str) -> None:
    """Ask policy whether you may execute or deploy an artifact, and log that you are about to.

    lading runs nothing: put it before whatever does, which goes on only when this exits 0.
    """
    result = session.act("artifact.use", {"ref": ref, "act": act, "purpose": purpose, "impact": impact})
    session.show(result, lambda r: f"you may {r['act']} {r['artifact']}; it is in the log")
