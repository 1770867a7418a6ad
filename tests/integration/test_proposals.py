"""What a partner proposes waits until somebody signs it, and no partner fills the folder or the log with proposals."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.agreement import Agreement, load_agreement
from engine.errors import Refused
from engine.gateway.agreements import MOST_WAITING
from engine.wire.messages import AgreementMessage
from tests.integration.conftest import SAMPLE
from tests.integration.simulator import ACME, BOREALIS, PartnerSimulator

CYGNUS = "cygnus.example"


def draft(number: int, provider: str = ACME) -> Agreement:
    """Return an agreement like the sample one, of a name of its own."""
    return load_agreement(SAMPLE).model_copy(update={"id": f"draft-{number}", "provider": provider})


def message(agreement: Agreement) -> AgreementMessage:
    return AgreementMessage(agreement=agreement.canonical().decode(), bundles={})


def written(folder: Path, number: int) -> str:
    """Write a draft as a person would; return the file."""
    file = folder / f"draft-{number}.json"
    file.write_bytes(draft(number).canonical())
    return str(file)


def waiting(two: PartnerSimulator) -> list[str]:
    """Return the names of the agreements that Borealis holds and has not signed."""
    folder = two.borealis.office.agreements
    return [each.id for each in folder.list() if BOREALIS not in folder.bundles(each.digest)]


@pytest.fixture
def crowded(two: PartnerSimulator) -> PartnerSimulator:
    """As many of Acme's proposals at Borealis as may wait."""
    for number in range(MOST_WAITING):
        two.link.agreement(message(draft(number)))
    return two


def test_a_flood_of_proposals_is_refused_and_fills_neither_folder_nor_log(crowded: PartnerSimulator) -> None:
    size = crowded.borealis.office.log.size

    for number in range(100, 150):
        with pytest.raises(Refused, match=f"Too many agreements wait.*{MOST_WAITING} between us") as caught:
            crowded.link.agreement(message(draft(number)))

    assert "sign or remove some of them" in caught.value.remedy
    assert len(waiting(crowded)) == MOST_WAITING
    assert crowded.borealis.office.log.size == size


def test_who_proposes_one_too_many_is_told_and_proposes_it_again_once_another_is_signed(
    crowded: PartnerSimulator, tmp_path: Path
) -> None:
    acme, borealis = crowded.acme, crowded.borealis
    refused = acme.ask("agreement.propose", file=written(tmp_path, 100))
    assert not refused["told"]
    assert "Too many agreements wait" in refused["why"]
    acme.ask("agreement.propose", file=written(tmp_path, 7))
    acme.ask("agreement.sign", ref=draft(7).digest)

    signed = borealis.ask("agreement.sign", ref=draft(7).digest)

    assert (signed["in_force"], signed["told"]) == (True, True)
    assert acme.ask("agreement.propose", file=written(tmp_path, 100))["told"]


def test_a_proposal_that_is_there_is_taken_again_and_nothing_new_is_recorded(crowded: PartnerSimulator) -> None:
    size = crowded.borealis.office.log.size

    again = [crowded.link.agreement(message(draft(number))) for number in (0, MOST_WAITING - 1)]

    assert [each.bundles for each in again] == [{}, {}]
    assert crowded.borealis.office.log.size == size
    assert len(waiting(crowded)) == MOST_WAITING


def test_a_partners_signature_of_what_was_proposed_here_comes_in_however_many_wait(
    crowded: PartnerSimulator, tmp_path: Path
) -> None:
    acme, borealis = crowded.acme, crowded.borealis
    ours = borealis.ask("agreement.propose", file=written(tmp_path, 200))

    acme.ask("agreement.sign", ref=ours["digest"])

    signed = borealis.ask("agreement.sign", ref=ours["digest"])
    assert (signed["in_force"], signed["told"]) == (True, True)


def test_a_proposal_that_was_removed_makes_room(crowded: PartnerSimulator) -> None:
    [unwanted] = (crowded.borealis.home / "agreements" / draft(3).digest).iterdir()
    unwanted.unlink()
    unwanted.parent.rmdir()

    crowded.link.agreement(message(draft(100)))

    assert sorted(waiting(crowded)) == sorted(f"draft-{each}" for each in {*range(MOST_WAITING), 100} - {3})


def test_what_expires_makes_no_room_for_a_partner_that_goes_on_and_on(two: PartnerSimulator) -> None:
    past = {"expires": two.clock(), "effective": draft(0).effective}
    for number in range(MOST_WAITING):
        two.link.agreement(message(draft(number).model_copy(update=past)))

    with pytest.raises(Refused, match="Too many agreements wait"):
        two.link.agreement(message(draft(100)))


def test_one_partners_proposals_leave_room_for_anothers(crowded: PartnerSimulator) -> None:
    crowded.borealis.handlers.agreement(CYGNUS, message(draft(0, CYGNUS)))

    assert len(waiting(crowded)) == MOST_WAITING + 1


def test_of_proposals_that_come_at_once_no_more_are_taken_than_there_is_room_for(two: PartnerSimulator) -> None:
    for number in range(MOST_WAITING - 1):
        two.link.agreement(message(draft(number)))

    def proposed(number: int) -> bool:
        try:
            two.link.agreement(message(draft(number)))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(proposed, range(100, 108)))

    assert sum(taken) == 1
    assert len(waiting(two)) == MOST_WAITING
