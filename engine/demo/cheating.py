"""What must fail in the demo: sending after the agreement's end, one flipped byte, one edited row of a log."""

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from engine.audit.verify import verify
from engine.demo.handoff import Handoff
from engine.demo.organizations import Organization
from engine.demo.stage import expect
from engine.events import system_clock
from engine.workspace.layout import Layout
from engine.workspace.log.record import pinned_key

SHORT: Final = timedelta(seconds=4)
POLICY: Final = "deny-agreement-window"


def send_too_late(handoff: Handoff) -> str:
    """Sign an agreement that ends in a few seconds, wait for its end, and try to send under it."""
    ends = system_clock() + SHORT
    digest = handoff.sign_agreement("acme-borealis-short", expires=ends)
    while system_clock() <= ends:
        time.sleep(0.05)
    order = {"artifact": handoff.root, "partner": handoff.borealis.id, "agreement": digest, "purpose": "evaluation"}
    result = handoff.acme.ask("transfer.send", order)
    expect(result["state"] == "denied", f"it was not denied but {result['state']}")
    said = [each for each in result["reasons"] if each["policy"] == POLICY]
    expect(said, f"it was denied, but not by {POLICY}: {result['reasons']}")
    return f"denied by {POLICY}\n{said[0]['condition']}\nremedy: {said[0]['remedy']}"


def alter_model(handoff: Handoff, folder: Path) -> str:
    """Export the delivered model, see that it verifies, flip one byte, and see that it does not."""
    wish = {"ref": handoff.root, "folder": str(folder), "purpose": "evaluation"}
    exported = handoff.borealis.ask("artifact.export", wish)
    expect("denied" not in exported, f"the export was denied: {exported}")
    good = handoff.borealis.ask("artifact.verify", {"artifact": str(folder)})
    expect(good["ok"], f"the exported model does not verify: {good['problems']}")
    victim = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    with victim.open("r+b") as file:
        file.seek(victim.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    bad = handoff.borealis.ask("artifact.verify", {"artifact": str(folder)})
    with victim.open("r+b") as file:
        file.seek(victim.stat().st_size // 2)
        file.write(bytes([byte]))
    expect(not bad["ok"], "the flipped byte was not found")
    found = bad["problems"][0]
    return f"found in {found['subject']}: {found['code']} (then put back)"


def alter_log(organization: Organization) -> str:
    """Edit one row in a copy of a log, and see that verifying finds it."""
    layout = Layout(organization.home)
    with tempfile.TemporaryDirectory(prefix="lading-copy-") as scratch:
        copy = Path(scratch) / "audit.db"
        with closing(sqlite3.connect(layout.audit_database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute(
                "UPDATE event SET decision = 'deny' WHERE idx = (SELECT min(idx) FROM event WHERE decision = 'permit')"
            )
            target.commit()
        report = verify(copy, key=pinned_key(layout))
    expect(report.problems, "the edited row was not found")
    first = report.problems[0]
    return f"found: {first.where}: {first.message}"
