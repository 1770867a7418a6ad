"""The speed of a handoff beside rsync over ssh, on the same files in the same run; ratios, not promises.

    python benchmarks/handoff.py [--size MIB] [--rounds N] [--json]

Each round makes a new model of random bytes (nothing can be deduplicated), sends it with `lading send` between two
real gateways on loopback, and copies the same folder with rsync. Medians are shown. A peer whose programs are not on
the machine is left out, and the reason is printed.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.demo.handoff import Handoff
from engine.demo.model import make_model
from engine.demo.organizations import Organization, free_port

MIB = 1 << 20
CIPHER = "aes128-gcm@openssh.com"
READY_SECONDS = 10.0


def send(pair: Handoff, folder: Path, name: str) -> tuple[float, float]:
    """Send a folder; return the seconds of the send step alone, and of the whole command."""
    root = pair.acme.ask("artifact.pack", {"path": str(folder), "name": name, "version": "1"})["root"]
    began: dict[str, float] = {}

    def see(report: Any) -> None:
        began.setdefault(report["step"], time.perf_counter())

    order = {"artifact": root, "partner": pair.borealis.id, "agreement": pair.agreement, "purpose": "evaluation"}
    started = time.perf_counter()
    result = pair.acme.ask("transfer.send", order, progress=see)
    if result["state"] != "completed":
        raise SystemExit(f"the handoff is {result['state']}: {result['detail']}")
    return began["commit"] - began["send"], time.perf_counter() - started


@contextmanager
def partners(folder: Path) -> Iterator[Handoff]:
    """Set up two organizations with running gateways and an agreement."""
    acme = Organization("acme.example", "Acme", "EU", folder / "acme", {"ada": "administrator, operator"})
    borealis = Organization(
        "borealis.example", "Borealis", "US", folder / "borealis", {"bea": "administrator, operator"}
    )
    pair = Handoff(acme, borealis, folder)
    try:
        pair.found()
        pair.make_partners()
        pair.agree()
        yield pair
    finally:
        acme.stop()
        borealis.stop()


@contextmanager
def ssh_server(folder: Path) -> Iterator[list[str] | None]:
    """Run an sshd of our own on loopback; yield the ssh command that reaches it, or None if there is no sshd."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    missing = [name for name in ("rsync", "ssh", "ssh-keygen") if shutil.which(name) is None]
    if sshd is None or missing:
        print(f"no rsync beside it: this machine lacks {', '.join(missing) or 'sshd'}", file=sys.stderr)
        yield None
        return
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    port = free_port()
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log)
    client = ["ssh", "-p", str(port), "-i", str(folder / "user"), "-o", "StrictHostKeyChecking=no"]
    client += ["-o", f"UserKnownHostsFile={folder / 'known'}", "-o", "LogLevel=ERROR"]
    try:
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run([*client, "127.0.0.1", "true"], capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise SystemExit(f"sshd does not answer: {(folder / 'sshd.log').read_text()}")
            time.sleep(0.1)
        yield client
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def rsync(client: list[str], source: Path, target: Path, *, cipher: str | None) -> float:
    """Copy a folder with rsync over ssh, whole files and synced to disk; return the seconds it took."""
    shell = " ".join([*client, *(["-c", cipher] if cipher else [])])
    command = ["rsync", "-aW", "--fsync", "-e", shell, f"{source}/", f"127.0.0.1:{target}/"]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    took = time.perf_counter() - started
    shutil.rmtree(target)
    return took


def measure(size: int, rounds: int) -> dict[str, list[float]]:
    """Return MiB/s of every contestant, one figure for each round."""
    rates: dict[str, list[float]] = {}
    scratch = tempfile.TemporaryDirectory(prefix="lading-bench-")
    with scratch as place, partners(Path(place)) as pair, ssh_server(Path(place) / "ssh") as client:
        for number in range(rounds):
            source = make_model(Path(place) / f"model-{number}", size=size * MIB).folder
            os.sync()
            step, whole = send(pair, source, f"model-{number}")
            seconds = {"lading, send step": step, "lading, whole command": whole}
            if client is not None:
                target = Path(place) / "copy"
                seconds[f"rsync -aW --fsync, {CIPHER}"] = rsync(client, source, target, cipher=CIPHER)
                seconds["rsync -aW --fsync, default cipher"] = rsync(client, source, target, cipher=None)
            for name, took in seconds.items():
                rates.setdefault(name, []).append(size / took)
            shutil.rmtree(source)
    return rates


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=512, help="MiB of weights (default 512)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    rates = measure(asked.size, asked.rounds)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    peer = medians.get(f"rsync -aW --fsync, {CIPHER}")
    if asked.json:
        print(json.dumps({"size_mib": asked.size, "rounds": rates, "median_mib_per_second": medians}))
        return
    print(f"{'':<44}{'MiB/s':>8}{'ratio':>8}   rounds")
    for name, rate in medians.items():
        ratio = f"{rate / peer:.2f}" if peer else "-"
        print(f"{name:<44}{rate:>8.0f}{ratio:>8}   {', '.join(f'{each:.0f}' for each in rates[name])}")


if __name__ == "__main__":
    main()
