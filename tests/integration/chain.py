"""Three organizations in one process: Acme hands to Borealis, and Borealis hands on to Cirrus.

Built of the same sides and links as the pair in `tests.integration.simulator`.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.demo.model import make_model
from engine.events import timestamp
from engine.signing.trust_document import fingerprint
from tests.integration.link import Link
from tests.integration.simulator import ACME, BOREALIS, Clock, Side

CIRRUS = "cirrus.example"
SAMPLE = Path(__file__).parents[2] / "samples" / "agreement.yaml"
SIZE = 3 << 20


class Chain:
    """Acme (EU), Borealis (US) and Cirrus (CA); neighbours are partners, and Cirrus pinned Acme unless told otherwise.

    Attributes:
        inward: digest of the agreement between Acme and Borealis, which allows onward transfer.
        onward: digest of the one between Borealis and Cirrus, for more purposes than the first.
    """

    def __init__(self, folder: Path, *, origin_pinned: bool = True) -> None:
        self.folder, self.clock = folder, Clock()
        self.acme = self._side("acme", ACME, "EU", "ada")
        self.borealis = self._side("borealis", BOREALIS, "US", "bea")
        self.cirrus = self._side("cirrus", CIRRUS, "CA", "cy")
        self.sides = (self.acme, self.borealis, self.cirrus)
        for one, other in ((self.acme, self.borealis), (self.borealis, self.cirrus)):
            one.links[other.org] = Link(one.org, other)
            other.links[one.org] = Link(other.org, one)
            introduce(one, other)
            introduce(other, one)
        if origin_pinned:
            introduce(self.cirrus, self.acme)
        self.inward = self.agree(self.acme, self.borealis, "inward", onward_transfer="true")
        self.onward = self.agree(self.borealis, self.cirrus, "onward", purposes="[evaluation, research]")

    def agree(self, provider: Side, consumer: Side, name: str, *, expires: datetime | None = None, **terms: str) -> str:
        """Have two sides sign an agreement like the sample one, with other terms; return its digest."""
        text = SAMPLE.read_text(encoding="utf-8")
        said = {"id": name, "provider": provider.org, "consumer": consumer.org, "destinations": "[EU, US, CA]"} | terms
        said |= {"expires": timestamp(expires)} if expires else {}
        for field, value in said.items():
            text, found = re.subn(rf"(?m)^( *){field}: .*$", rf"\g<1>{field}: {value}", text)
            assert found == 1, field
        file = self.folder / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        digest = str(provider.ask("agreement.propose", file=str(file))["digest"])
        provider.ask("agreement.sign", ref=digest)
        consumer.ask("agreement.sign", ref=digest)
        return digest

    def deliver(self, name: str, *, agreement: str = "", size: int = SIZE, **said: str) -> str:
        """Have Acme pack a model and deliver it to Borealis; return its root digest."""
        folder = make_model(self.folder / name, size=size).folder
        root = str(self.acme.ask("artifact.pack", path=str(folder), name=name, version="1", **said)["root"])
        under = agreement or self.inward
        sent = self.acme.ask("transfer.send", artifact=root, partner=BOREALIS, agreement=under, purpose="evaluation")
        assert sent["state"] == "completed", sent
        return root

    def hand_on(self, root: str, **more: Any) -> Any:
        """Have Borealis hand on what it received."""
        wish = {"artifact": root, "partner": CIRRUS, "agreement": self.onward, "purpose": "evaluation"}
        return self.borealis.ask("transfer.send", **(wish | more))

    def close(self) -> None:
        """End all processes."""
        for side in self.sides:
            side.close()

    def _side(self, name: str, org: str, region: str, admin: str) -> Side:
        return Side(self.folder / name, org, region, {admin: "administrator, operator"}, self.clock)


def introduce(ours: Side, theirs: Side) -> None:
    """Have one side pin the other's trust document."""
    ours.ask("partner.add", file=str(theirs.office.layout.trust / "own" / "trust.json"))
    ours.ask("partner.confirm", organization=theirs.org, fingerprint=fingerprint(theirs.office.trust.own()))
