"""`lading witness`: a witness on its own, for logs of organizations it has no dealings with."""

import logging
from pathlib import Path
from typing import Any

import click

from engine.cli.command import OUTPUT, Session, carried_over, command, table, verb
from engine.errors import UsageError
from engine.text import counted

PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def witness() -> None:
    """Be a third-party witness: cosign checkpoints of logs that only grow. '-C' names the witness's own folder."""


@witness.command(epilog="\b\nExamples:\n  lading -C archive witness init witness.example")
@click.argument("name")
@verb
def init(session: Session, name: str) -> None:
    """Make a witness called NAME, with a key of its own (0600)."""
    from engine.workspace.witness.folder import WitnessFolder

    folder = WitnessFolder.create(session.home, name)
    session.show(
        {"name": name, "vkey": folder.key.vkey},
        lambda r: f"{session.home} is the witness {r['name']}; its verifier key, for others to pin:\n{r['vkey']}",
    )


@witness.command(epilog="\b\nExamples:\n  lading -C archive witness key")
@verb
def key(session: Session) -> None:
    """Print the witness's verifier key (C2SP signed-note vkey)."""
    from engine.workspace.witness.folder import WitnessFolder

    session.show({"vkey": WitnessFolder(session.home).key.vkey}, lambda r: str(r["vkey"]))


@witness.command("add-log", epilog="\b\nExamples:\n  lading -C archive witness add-log acme.example/lading/audit/0+…")
@click.argument("vkey")
@verb
def add_log(session: Session, vkey: str) -> None:
    """Witness a log from now on. VKEY is what its operator reads out with 'lading audit key'."""
    from engine.workspace.witness.folder import WitnessFolder

    added, new = WitnessFolder(session.home).add_log(vkey)
    session.show(
        {"origin": added.name, "vkey": added.vkey, "new": new},
        lambda r: f"{r['origin']} {'is' if r['new'] else 'was already'} witnessed here",
    )


@witness.command(
    "list", epilog="\b\nExamples:\n  lading -C archive witness list\n  lading -C archive witness list --json"
)
@verb
def list_(session: Session) -> None:
    """List the logs that are witnessed, and the size cosigned last for each."""
    from engine.workspace.witness.folder import WitnessFolder

    folder = WitnessFolder(session.home)
    logs = [{"origin": origin, "cosigned": size} for origin, size in folder.cosigned().items()]
    session.show({"logs": logs, "forks": [str(path) for path in folder.forks()]}, _listed)


def _listed(result: dict[str, Any]) -> str:
    if not result["logs"]:
        return carried_over("no log is witnessed yet: 'lading witness add-log' takes the first")
    mark = click.style("▲", fg="yellow")
    forks = [
        f"{mark} a log contradicted itself, check it: {command(f'audit fork check {file}')}" for file in result["forks"]
    ]
    listed = table([(log["origin"], str(log["cosigned"])) for log in result["logs"]], ("ORIGIN", "COSIGNED"))
    return "\n".join([listed, *forks])


@witness.command(
    epilog="\b\nExamples:\n  lading -C archive witness serve\n"
    "  lading -C archive witness serve --listen 0.0.0.0:8444 --certificate tls.pem --key tls.key"
)
@click.option("--listen", default="127.0.0.1:8444", show_default=True, help="Address and port.")
@click.option("--certificate", type=PEM, help="Serve HTTPS with this chain (PEM).")
@click.option("--key", "private", type=PEM, help="The certificate's private key (PEM, 0600).")
@click.option("--clients", type=PEM, help="Demand client certificates of these authorities (PEM).")
@verb
def serve(session: Session, listen: str, certificate: Path | None, private: Path | None, clients: Path | None) -> None:
    """Serve C2SP tlog-witness until it is told to stop (Ctrl-C, SIGTERM).

    With a certificate it speaks HTTPS (TLS 1.3), with --clients mutual TLS. Without one it speaks plain HTTP, on a
    loopback address only: put a proxy in front that speaks HTTPS.
    """
    from engine.wire.witness_server import TlsFiles
    from engine.workspace.witness.service import serve as run

    if (certificate is None) != (private is None) or (clients and certificate is None):
        raise UsageError(
            "--certificate and --key belong together, and --clients needs both",
            remedy="Give all of them, or none for plain HTTP on a loopback address.",
        )
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING)
    files = TlsFiles(certificate, private, clients) if certificate and private else None
    run(session.home, listen, files, on_ready=lambda url: click.echo(f"witness at {url}; Ctrl-C stops it", err=True))


@witness.command(
    epilog="\b\nExamples:\n  lading -C archive witness cosign request.txt -o cosigned.txt\n"
    "  lading -C archive witness cosign request.txt"
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--output", type=OUTPUT, help="Write the cosigned checkpoint to a file.")
@verb
def cosign(session: Session, file: Path, output: Path | None) -> None:
    """Cosign a request that came as a file ('lading audit request-cosignature'). Exits 4 when it is refused."""
    from engine.workspace.witness.cosigning import cosign_file

    result = cosign_file(session.home, file, output)
    session.show(
        result,
        lambda r: (
            f"cosigned {r['origin']} at {counted(r['size'], 'entries')}: {output}"
            if output
            else r["checkpoint"].rstrip("\n")
        ),
    )
