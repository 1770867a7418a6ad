"""What makes a bill witnessed is the policy of whoever verifies; what a bill is made from satisfies its issuer's."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.audit.checkpoint import open_checkpoint, read_checkpoint
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.custody.account import verify_bill
from engine.custody.bill import parse_bill
from engine.custody.grading import Grading
from engine.errors import InputError
from engine.events import Event, event_id
from engine.files import write_atomic
from engine.signing.trust_folder import TrustFolder
from engine.signing.witnesses import PinnedWitness
from tests.integration.simulator import ACME, BOREALIS
from tests.unit.custody.conftest import cosigned
from tests.unit.custody.handed import Handed, cosign, hand_over, third_party

ARCHIVE, NOTARY = third_party("archive.example"), third_party("notary.example")


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    made = hand_over(tmp_path_factory.mktemp("graded"))
    yield made
    made.two.close()


@pytest.fixture
def trust(handed: Handed, tmp_path: Path) -> Path:
    """A verifier's trust in both parties, with two third parties pinned."""
    folder = Path(shutil.copytree(handed.trust, tmp_path / "trust"))
    for name, signer in (("archive", ARCHIVE), ("notary", NOTARY)):
        TrustFolder(folder).pin(PinnedWitness(name=name, vkey=signer.key.vkey))
    return folder


def seen_by(handed: Handed, acme: tuple[NoteSigner, ...], borealis: tuple[NoteSigner, ...]) -> bytes:
    """The bill with the logs' checkpoints cosigned by some."""
    when = int(handed.two.clock().timestamp()) + 60

    def change(bill: dict[str, Any]) -> None:
        for org, signers in ((ACME, acme), (BOREALIS, borealis)):
            for signer in signers:
                cosign(bill["logs"][org], signer, when)

    return handed.lie(change)


def policy(quorum: str, *lines: str) -> bytes:
    """A witness policy over the two third parties, and whatever else is given."""
    known = (f"witness archive {ARCHIVE.key.vkey}", f"witness notary {NOTARY.key.vkey}")
    return "".join(f"{line}\n" for line in (*known, *lines, f"quorum {quorum}")).encode()


def test_a_key_that_a_party_only_claims_counts_as_the_third_party_s_and_not_as_its_witness(
    handed: Handed, trust: Path
) -> None:
    bill = handed.made()
    assert verify_bill(bill, trust).grade == "bilateral"
    claimed = NoteKey.parse(TrustFolder(trust).document(ACME).witness_keys[0])
    operator = NoteKey("independent.example", Algorithm.COSIGNATURE, claimed.public).vkey
    TrustFolder(trust).pin(PinnedWitness(name="independent", vkey=operator, not_of=(ACME,)))

    parties = [TrustFolder(trust).document(each) for each in (ACME, BOREALIS)]
    assert "independent" in Grading.of(TrustFolder(trust)).third_parties(parties)
    assert verify_bill(bill, trust).grade == "unilateral"


def test_without_a_policy_any_pinned_third_party_will_do_for_each_log(handed: Handed, trust: Path) -> None:
    assert verify_bill(seen_by(handed, (ARCHIVE,), (NOTARY,)), trust).grade == "witnessed"
    assert verify_bill(seen_by(handed, (ARCHIVE, NOTARY), ()), trust).grade == "bilateral"


def test_a_quorum_of_both_takes_both_for_both_logs(handed: Handed, trust: Path) -> None:
    write_atomic(trust / "witness-policy", policy("both", "group both all archive notary"))

    one = seen_by(handed, (ARCHIVE, NOTARY), (ARCHIVE,))
    every = seen_by(handed, (ARCHIVE, NOTARY), (NOTARY, ARCHIVE))

    assert (verify_bill(one, trust).grade, verify_bill(every, trust).grade) == ("bilateral", "witnessed")


def test_a_policy_that_demands_nobody_makes_nothing_witnessed(handed: Handed, trust: Path) -> None:
    write_atomic(trust / "witness-policy", policy("none"))

    assert verify_bill(seen_by(handed, (ARCHIVE,), (ARCHIVE,)), trust).grade == "bilateral"


def test_a_policy_for_one_log_says_nothing_of_another(handed: Handed, trust: Path) -> None:
    own = handed.two.acme.office.trust.own().log_keys[0]
    write_atomic(trust / "witness-policy", policy("archive", f"log {own}"))

    assert verify_bill(seen_by(handed, (ARCHIVE,), (ARCHIVE,)), trust).grade == "bilateral"


def test_a_quorum_of_the_parties_witnesses_is_no_third_party(handed: Handed, trust: Path) -> None:
    keys = [TrustFolder(trust).document(org).witness_keys[0] for org in (ACME, BOREALIS)]
    lines = [f"witness party{number} {vkey}" for number, vkey in enumerate(keys)]
    write_atomic(trust / "witness-policy", policy("parties", *lines, "group parties any party0 party1"))

    assert verify_bill(seen_by(handed, (), ()), trust).grade == "bilateral"
    assert verify_bill(seen_by(handed, (NOTARY,), (NOTARY,)), trust).grade == "witnessed"


def test_a_witness_that_the_policy_names_and_nobody_pinned_is_no_third_party(handed: Handed, trust: Path) -> None:
    stranger = third_party("stranger.example")
    write_atomic(trust / "witness-policy", policy("stranger", f"witness stranger {stranger.key.vkey}"))

    assert verify_bill(seen_by(handed, (stranger,), (stranger,)), trust).grade == "bilateral"
    assert verify_bill(seen_by(handed, (stranger, ARCHIVE), (stranger, ARCHIVE)), trust).grade == "witnessed"


def test_a_broken_policy_is_the_verifiers_fault_and_not_the_bills(handed: Handed, trust: Path) -> None:
    write_atomic(trust / "witness-policy", b"quorum everybody\n")

    with pytest.raises(InputError, match="trust/witness-policy, line 1"):
        verify_bill(handed.made(), trust)


def test_a_bill_is_made_from_the_newest_checkpoint_that_reaches_the_quorum(handed: Handed) -> None:
    acme, borealis = handed.two.acme.office, handed.two.borealis.office
    acme.trust.pin(PinnedWitness(name="archive", vkey=ARCHIVE.key.vkey))

    both = read_checkpoint(cosigned(acme, borealis)).size
    line = ARCHIVE.cosign(cosigned(acme, borealis).partition(b"\n\n")[0] + b"\n", int(handed.two.clock().timestamp()))
    acme.log.add_cosignature(both, line, ARCHIVE.key)
    acme.log.record(Event(id=event_id("later", "one"), type="artifact.viewed", actor=f"ada@{ACME}"))
    later = read_checkpoint(cosigned(acme, borealis)).size

    assert later > both
    assert own_checkpoint(handed) == (both, {BOREALIS, "archive.example"})
    write_atomic(acme.layout.trust / "witness-policy", policy("both", "group both all archive notary"))
    assert own_checkpoint(handed) == (later, {BOREALIS})


def own_checkpoint(handed: Handed) -> tuple[int, set[str]]:
    """The size of the checkpoint that Acme's next bill has of its own log, and who cosigned it."""
    office = handed.two.acme.office
    bill = parse_bill(handed.made(renew=True)).bill
    keys = [*office.log_keys(ACME), ARCHIVE.key, NoteKey.parse(office.trust.partner(BOREALIS).witness_keys[0])]
    opened = open_checkpoint(bill.logs[ACME].checkpoint.encode(), keys)
    return opened.checkpoint.size, {each.key.name.removesuffix("/lading/witness") for each in opened.cosigned}
