"""Makes what ships and what is kept of one real handoff: `python tests/golden/make_samples.py`.

    samples/handoff.bill.json, samples/trust/   a bill, and all that is needed to verify it
    tests/golden/v<version>/                    both workspaces after the handoff, without keys

Acme hands a tiny model to Borealis through two running gateways and the operations that every command uses. The
fixtures of a release are made once, by that release; they are never made again for a version that is out.
"""

import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from engine import __version__
from engine.demo.handoff import Handoff
from engine.demo.model import Model, make_model
from engine.demo.organizations import Organization
from engine.demo.stage import expect
from engine.demo.story import PEOPLE
from engine.events import system_clock
from engine.signing.trust_document import fingerprint
from engine.signing.trust_folder import TrustFolder

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "samples"
KEPT = HERE / f"v{__version__}"
MODEL_BYTES = 24 << 10
DATABASES = ("audit.db", "registry.db", "transfer.db", "gateway.db")


def make() -> None:
    """Play one handoff and keep it."""
    if KEPT.exists():
        sys.exit(f"{KEPT} is there: fixtures of a release are made once. Remove the folder only before it is out.")
    with tempfile.TemporaryDirectory(prefix="lading-samples-") as scratch:
        folder = Path(scratch)
        acme = Organization("acme.example", "Acme", "EU", folder / "acme.example", PEOPLE["acme.example"])
        borealis = Organization(
            "borealis.example", "Borealis", "US", folder / "borealis.example", PEOPLE["borealis.example"]
        )
        handoff = Handoff(acme, borealis, folder)
        try:
            hand_over(handoff)
        finally:
            acme.stop()
            borealis.stop()
        keep(handoff)


def hand_over(handoff: Handoff) -> None:
    """Hand the model over, see both logs witnessed, and make the bill."""
    made = make_model(handoff.folder / "model", size=MODEL_BYTES)
    handoff.model = Model(made.folder, "sentiment", "3.1", made.origin)
    handoff.found()
    handoff.make_partners()
    handoff.agreement = handoff.sign_agreement("acme-borealis-evaluation", expires=None)
    handoff.pack()
    order = {"artifact": handoff.root, "partner": "borealis.example", "agreement": handoff.agreement}
    wish = {"purpose": "evaluation", "impact": "compare with the classifier in use"}
    sent = handoff.acme.ask("transfer.send", order | wish)
    expect(sent["state"] == "completed", f"the transfer is {sent['state']}: {sent['detail']}")
    handoff.transfer = sent["id"]
    handoff.verify_logs()
    handoff.make_bill()
    handoff.verify_bill()


def keep(handoff: Handoff) -> None:
    """Write samples and fixtures."""
    bill = (handoff.bill or Path()).read_bytes()
    (SAMPLES / "handoff.bill.json").write_bytes(bill)
    KEPT.mkdir()
    (KEPT / "handoff.bill.json").write_bytes(bill)
    shutil.rmtree(SAMPLES / "trust", ignore_errors=True)
    public, now = TrustFolder(SAMPLES / "trust"), system_clock()
    for organization in (handoff.acme, handoff.borealis):
        document = public.add_pending((organization.home / "trust" / "own" / "trust.json").read_bytes(), now=now)
        public.confirm(organization.id, fingerprint(document), now=now)
        keep_workspace(organization.home, KEPT / organization.id)
    (SAMPLES / "trust" / "pending").rmdir()


def keep_workspace(home: Path, target: Path) -> None:
    """Copy a workspace without its keys, its store and its sandbox; databases as one file each."""
    for name in ("trust", "agreements", "attestations"):
        shutil.copytree(home / name, target / name, ignore=shutil.ignore_patterns("pending"))
    (target / "state").mkdir()
    for name in ("lading.toml", "directory.yaml", "state/remembered.jsonl"):
        shutil.copy(home / name, target / name)
    for name in DATABASES:
        source, copy = home / "state" / name, target / "state" / name
        if not source.exists():
            continue
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as kept:
            live.backup(kept)
            kept.execute("PRAGMA journal_mode = DELETE")
            kept.execute("VACUUM")


if __name__ == "__main__":
    make()
