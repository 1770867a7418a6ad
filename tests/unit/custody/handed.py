"""A real handoff between two organizations, bills of both about it, and how a dishonest issuer would issue others."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.assets import shipped
from engine.audit.note import Algorithm, NoteSigner
from engine.custody.bill import Bill, encode, parse_bill, seal_bill
from engine.files import write_atomic
from tests.integration.simulator import PartnerSimulator, Side


@dataclass
class Handed:
    """A finished transfer between Acme and Borealis."""

    two: PartnerSimulator
    transfer: str
    key: pyrage.x25519.Identity

    @property
    def trust(self) -> Path:
        return self.two.borealis.office.layout.trust

    def made(self, side: Side | None = None, **wish: Any) -> bytes:
        """The bill that a side makes."""
        made = (side or self.two.acme).ask("bill.create", transfer=self.transfer, **wish)
        return str(made["bill"]).encode()

    def lie(self, change: Callable[[dict[str, Any]], None], side: Side | None = None, **wish: Any) -> bytes:
        """A bill whose issuer changed something in it, then signed and sealed it as if it were true."""
        teller = side or self.two.acme
        sealed = parse_bill(self.made(teller, **wish))
        told = json.loads(json.dumps(sealed.bill.to_json()))
        change(told)
        annexes = {org: decoded(text) for org, text in (sealed.annexes or {}).items()}
        return self.issue(Bill.model_validate(told), teller, annexes)

    def issue(self, bill: Bill, side: Side, annexes: dict[str, bytes]) -> bytes:
        """Sign and seal a bill of whatever content."""
        who = f"{side.admin}@{side.org}"
        return seal_bill(bill, side.office.sign(bill.statement(), who), side.office.log_signer, annexes)


def decoded(text: str) -> bytes:
    """Read base64 as bills write it."""
    data = base64.b64decode(text)
    assert encode(data) == text
    return data


def hand_over(folder: Path, **wish: Any) -> Handed:
    """Have Acme hand a tiny model to Borealis."""
    two, root = packed(folder, **wish)
    return sent(two, root)


def hand_over_against_odds(folder: Path) -> Handed:
    """Have Acme hand over a confidential model beside which a stray file lies.

    Abe approves what Ada sends; Sec lets it past the failed check.
    """
    two, root = packed(folder, sensitivity="confidential")
    (folder / "model" / "notes.txt").write_text("a stray file")
    transfer = two.send(root)["id"]
    order = {"transfer": transfer, "waives": ["extra"], "ticket": "INC-17", "reason": "outage"}
    ticket = two.acme.ask("breakglass.request", **order)["id"]
    two.acme.ask("breakglass.approve", who="sec", id=ticket, reason="the file is harmless")
    two.acme.ask("approval.grant", who="abe", transfer=transfer, reason="reviewed with legal")
    return sent(two, root)


def packed(folder: Path, **wish: Any) -> tuple[PartnerSimulator, str]:
    """Two organizations, and the root of a tiny model that Acme packed."""
    two = PartnerSimulator(folder / "two", shipped("samples") / "agreement.yaml")
    write_atomic(folder / "model" / "config.json", b'{"architectures": ["Tiny"]}')
    made = two.acme.ask("artifact.pack", path=str(folder / "model"), name="sentiment", version="3.1", **wish)
    return two, made["root"]


def sent(two: PartnerSimulator, root: str) -> Handed:
    """Send it to the end."""
    done = two.send(root)
    assert done["state"] == "completed", done
    return Handed(two, done["id"], pyrage.x25519.Identity.generate())


def set_policy(side: Side, *lines: str) -> None:
    """Write a section `policy` into a side's settings, and start its process again."""
    settings = side.office.layout.settings
    rest = settings.read_text().split("\n[policy]\n", maxsplit=1)[0]
    settings.write_text("\n".join([rest, "[policy]", *lines, ""]))
    side.restart()


def third_party(name: str = "witness.cygnus.example") -> NoteSigner:
    """The key of a witness that is neither party's."""
    return NoteSigner(name, Ed25519PrivateKey.generate(), Algorithm.COSIGNATURE)


def cosign(log: dict[str, Any], signer: NoteSigner, when: int) -> None:
    """Add a cosignature to the checkpoint of a log's evidence."""
    text = log["checkpoint"].split("\n\n")[0] + "\n"
    log["checkpoint"] += signer.cosign(text.encode(), when).decode()
