"""The handoff of the demo, step by step; each method returns what it showed, or says what it missed."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.assets import shipped
from engine.demo.model import Model
from engine.demo.organizations import Organization
from engine.demo.stage import Stage, Step, expect
from engine.events import timestamp
from engine.files import write_atomic
from engine.text import counted
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import verify_log
from engine.workspace.partners import own_document

RATE_MIB: Final = 24.0
"""How fast the demo sends: slow enough to be killed in the middle."""

EARLIEST, LATEST = 0.4, 0.6
"""When the receiver is killed, as a share of the acknowledged chunks."""

FEW_CHUNKS: Final = 10
"""With fewer chunks than this, none may fall into the middle: a small model of the user's own."""

WITNESS_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.2


@dataclass(slots=True)
class Handoff:
    """What the story knows so far."""

    acme: Organization
    borealis: Organization
    folder: Path
    model: Model | None = None
    agreement: str = ""
    root: str | None = None
    transfer: str | None = None
    bill: Path | None = None

    def found(self) -> str:
        """Make both workspaces and start both gateways."""
        for organization in (self.acme, self.borealis):
            organization.set_up()
            organization.start()
        return "acme.example (EU) and borealis.example (US): workspace, sandbox Sigstore, gateway and log each"

    def make_partners(self) -> str:
        """Exchange trust documents; each side confirms the fingerprint the other one told it."""
        fingerprints = {}
        for ours, theirs in ((self.acme, self.borealis), (self.borealis, self.acme)):
            document, facts = own_document(theirs.home)
            file = self.folder / f"{theirs.id}.trust.json"
            write_atomic(file, document)
            added = ours.ask("partner.add", {"file": str(file)})
            expect(added["fingerprint"] == facts["fingerprint"], f"{ours.id} saw another fingerprint")
            ours.ask("partner.confirm", {"organization": theirs.id, "fingerprint": facts["fingerprint"]})
            fingerprints[theirs.id] = str(facts["fingerprint"])
        return "\n".join(f"{org} confirmed by {shown}" for org, shown in fingerprints.items())

    def agree(self) -> str:
        """Propose the sample agreement, and have both sides sign it."""
        self.agreement = self.sign_agreement("acme-borealis-demo", expires=None)
        return f"acme-borealis-demo ({self.agreement[:16]}), signed by both, in force"

    def sign_agreement(self, name: str, *, expires: datetime | None) -> str:
        """Have both sides sign an agreement like the sample one; return its digest."""
        text = (shipped("samples") / "agreement.yaml").read_text(encoding="utf-8")
        text = re.sub(r"(?m)^id: \S+", f"id: {name}", text)
        if expires is not None:
            text = re.sub(r"(?m)^expires: \S+", f"expires: {timestamp(expires)}", text)
        file = self.folder / f"{name}.yaml"
        write_atomic(file, text.encode())
        self.acme.ask("agreement.propose", {"file": str(file)})
        self.acme.ask("agreement.sign", {"ref": name})
        signed = self.borealis.ask("agreement.sign", {"ref": name})
        expect(signed["in_force"] and signed["told"], f"it is not in force: {signed['problems']}")
        return str(signed["digest"])

    def pack(self) -> str:
        """Describe and sign the model."""
        model = self._model()
        packed = self.acme.ask(
            "artifact.pack", {"path": str(model.folder), "name": model.name, "version": model.version}
        )
        self.root = packed["root"]
        return (
            f"{model.name}:{model.version}, {counted(packed['files'], 'files')}, {packed['size'] / 2**20:.1f} MiB, "
            f"{packed['licence'] or 'no licence'}\nroot {self.root}\nsigned by {packed['signed_by']}"
        )

    def send(self, stage: Stage) -> None:
        """Send it; kill the whole receiving gateway in the middle, start it again, and see the rest arrive."""
        watch = _Watch(self.borealis)
        result: dict[str, Any] = {}

        def hand_over() -> str:
            order = {"artifact": self.root, "partner": self.borealis.id, "agreement": self.agreement}
            wish = {"purpose": "evaluation", "impact": "compare with the model in use", "rate_limit": RATE_MIB}
            result.update(self.acme.ask("transfer.send", order | wish, progress=watch.see))
            watch.see({"step": "done"})
            self.transfer = result["id"]
            expect(
                result["state"] == "completed", f"it is {result['state']}: {result['detail']} {result.get('reasons')}"
            )
            return f"{result['id']} completed"

        stage.play("handoff", hand_over)
        if not stage.ok:
            return
        for step in self._phases(watch, result):
            stage.add(step)

    def _phases(self, watch: "_Watch", result: dict[str, Any]) -> list[Step]:
        """Word what happened inside the handoff, phase by phase."""
        total, twice, seconds = result["chunks_total"], result["sent_twice"], watch.seconds
        on_time, killed = _killed(watch.killed_at, total)
        return [
            Step("  preflight", True, seconds("preflight"), "files, signatures, agreement and space"),
            Step("  send decision", True, seconds("decide"), "permit by policy, recorded before anything moved"),
            Step(
                "  offer and acceptance", True, seconds("offer"), "borealis.example decided receive, signed acceptance"
            ),
            Step("  transfer", on_time, seconds("sending"), f"{killed}; {counted(twice, 'chunks')} sent twice"),
            Step("  delivery receipt", True, seconds("commit"), f"signed by {result['receipt_by']}"),
            Step(
                "  arrival and verdict",
                True,
                seconds("verdict"),
                f"every digest equals the origin's: {result['verdict']}",
            ),
            Step("  witness", True, seconds("witness"), "each side cosigned the other's log"),
        ]

    def verify_logs(self) -> str:
        """Verify both logs whole, each with the other side's cosignature."""
        lines = []
        for organization, other in ((self.acme, self.borealis), (self.borealis, self.acme)):
            report = self._witnessed(organization, f"{other.id}/lading/witness")
            expect(report["ok"], f"the log of {organization.id} has problems: {report['problems']}")
            lines.append(f"{organization.id}: {counted(report['size'], 'entries')}, witnessed by {other.id}")
        return "\n".join(lines)

    def _witnessed(self, organization: Organization, witness: str) -> dict[str, Any]:
        """Verify a log once the other side's witness cosigned the verdict; gateways ask for that by themselves."""
        deadline = time.monotonic() + WITNESS_SECONDS
        entries: Any = ask_log(organization.home, Question(text=f"transfer:{self.transfer}", limit=100))["entries"]
        last = max(entry["index"] for entry in entries if entry["type"].startswith("verdict."))
        while True:
            report: dict[str, Any] = dict(verify_log(organization.home, lambda _: None))
            if report["witnessed"].get(witness, 0) > last or not report["ok"]:
                return report
            expect(time.monotonic() < deadline, f"{witness} has not cosigned the log of {organization.id}")
            time.sleep(PAUSE_SECONDS)

    def make_bill(self) -> str:
        """Gather everything into one signed file."""
        made = self.acme.ask("bill.create", {"transfer": self.transfer})
        self.bill = self.folder / "handoff.bill.json"
        write_atomic(self.bill, made["bill"].encode())
        return f"{made['size']} bytes, signed by {made['signed_by']}"

    def verify_bill(self) -> str:
        """Verify the bill in a process that has nothing but the file and a copy of Borealis' pinned trust."""
        with tempfile.TemporaryDirectory(prefix="lading-auditor-") as scratch:
            auditor = Path(scratch)
            shutil.copytree(self.borealis.home / "trust", auditor / "trust")
            shutil.copy(self.bill or "", auditor / "bill.json")
            command = [sys.executable, "-m", "engine.cli", "bill", "verify", "bill.json", "--trust", "trust"]
            done = subprocess.run(command, cwd=auditor, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        return done.stdout.strip().splitlines()[-1]

    def _model(self) -> Model:
        expect(self.model is not None, "there is no model")
        return self.model  # type: ignore[return-value]  # expected above


def _killed(after: int | None, total: int) -> tuple[bool, str]:
    """Say when the receiver was killed, and whether that was in the middle."""
    if after is None:
        return total < FEW_CHUNKS, f"{counted(total, 'chunks')}, too few to kill the receiver in between"
    in_the_middle = EARLIEST * total <= after <= LATEST * total or total < FEW_CHUNKS
    said = f"killed (SIGKILL, all processes) after {after} of {total} acknowledged chunks, restarted, resumed"
    return in_the_middle, said


class _Watch:
    """Follows a transfer: when each step began, and when to kill the receiver."""

    def __init__(self, receiver: Organization) -> None:
        self._receiver = receiver
        self._began: dict[str, float] = {}
        self._order: list[str] = []
        self.killed_at: int | None = None

    def see(self, report: dict[str, Any]) -> None:
        """Take one progress report; the first with enough chunks acknowledged kills the receiver's gateway."""
        step = report["step"]
        if step not in self._began:
            self._began[step] = time.monotonic()
            self._order.append(step)
        done, total = report.get("chunks_done", 0), report.get("chunks_total", 0)
        if self.killed_at is None and total and done >= EARLIEST * total:
            self._receiver.kill()
            self.killed_at = done
            self._receiver.start()

    def seconds(self, step: str) -> float:
        """Return how long a step took, until the next one began."""
        if step not in self._began:
            return 0.0
        later = self._order[self._order.index(step) + 1 :]
        return self._began[later[0]] - self._began[step] if later else 0.0
