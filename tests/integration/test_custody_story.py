"""The story of an artifact, told at each of three organizations from the evidence each has."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from engine.audit.erasure import erasure_events
from engine.audit.removal import remove_payloads
from engine.cli.custody import told
from engine.digest import sha256
from engine.errors import IntegrityError, LadingError, SignatureError, UntrustedIdentity, UsageError
from tests.integration.chain import BOREALIS, CIRRUS, Chain
from tests.integration.simulator import ACME, Side

RESULT = "https://in-toto.io/attestation/test-result/v0.1"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    three = Chain(tmp_path_factory.mktemp("three"))
    yield three
    three.close()


@pytest.fixture(scope="module")
def root(chain: Chain) -> str:
    """An artifact that went all the way."""
    root = chain.deliver("sentiment", licence="Apache-2.0")
    assert chain.hand_on(root)["state"] == "completed"
    return root


def story(side: Side, root: str) -> Any:
    return json.loads(json.dumps(side.ask("custody.story", ref=root)))


def attested(chain: Chain, root: str, *, result: str = "PASSED") -> Path:
    """Have Acme attest a test result; return the bundle."""
    predicate, bundle = chain.folder / "result.json", chain.folder / f"{root[:8]}-{result}.sigstore.json"
    predicate.write_text(json.dumps({"result": result, "configuration": [{"name": "suite"}]}))
    made = chain.acme.ask("custody.attest", ref=root, predicate_type=RESULT, predicate=str(predicate))
    bundle.write_text(made["bundle"])
    return bundle


def test_the_third_tells_every_handoff_from_the_origin_on(chain: Chain, root: str) -> None:
    said = story(chain.cirrus, root)

    assert [(each["part"], each["sender"], each["receiver"]) for each in said["handoffs"]] == [
        ("earlier", ACME, BOREALIS),
        ("received", BOREALIS, CIRRUS),
    ]
    assert {each["licence"] for each in said["handoffs"]} == {"Apache-2.0"}
    assert [(each["name"], each["proof"]) for each in said["signatures"]] == [
        ("model", "verified"),
        ("manifest", "verified"),
    ]
    assert said["problems"] == []


def test_every_statement_is_told_with_its_signer_and_how_far_it_is_proved(chain: Chain, root: str) -> None:
    before, ours = story(chain.cirrus, root)["handoffs"]

    assert [(each["name"], each["signer"], each["proof"]) for each in before["statements"]] == [
        ("offer", f"ada@{ACME}", "verified"),
        ("receipt", f"spiffe://{BOREALIS}/gateway", "verified"),
        ("verdict", f"spiffe://{BOREALIS}/gateway", "verified"),
        ("link", f"spiffe://{BOREALIS}/gateway", "verified"),
        ("decisions", None, "withheld"),
    ]
    assert [each["name"] for each in ours["statements"]] == ["offer", "acceptance", "receipt", "verdict"]
    assert {each["proof"] for each in ours["statements"]} == {"verified"}
    assert ours["decisions"][0]["because"] == ["receive-onward"]


def test_keys_are_told_by_their_ids_as_the_chain_and_the_holder_tell_them(chain: Chain, root: str) -> None:
    scope = chain.borealis.office.store.open_scope(chain.inward)
    there, here = story(chain.cirrus, root)["handoffs"][0], story(chain.borealis, root)

    assert there["sealed_to"] == here["held"]["key"] == sha256(scope.public)[:32]
    assert "folder" in story(chain.acme, root)["held"]


def test_the_holder_in_the_middle_tells_both_its_handoffs(chain: Chain, root: str) -> None:
    said = story(chain.borealis, root)

    assert [(each["part"], each["state"]) for each in said["handoffs"]] == [
        ("received", "completed"),
        ("sent", "completed"),
    ]
    assert [each["name"] for each in said["handoffs"][0]["statements"]][-1] == "link"


def test_the_same_evidence_tells_the_same_story(chain: Chain, root: str) -> None:
    for side in chain.sides:
        assert story(side, root) == story(side, root)


def test_a_denied_handoff_is_part_of_the_story(chain: Chain) -> None:
    kept = chain.agree(chain.acme, chain.borealis, "kept", onward_transfer="false")
    root = chain.deliver("kept", agreement=kept)
    chain.hand_on(root)

    *_, denied = story(chain.borealis, root)["handoffs"]

    assert (denied["state"], denied["statements"]) == ("denied", [])
    assert [each["decision"] for each in denied["decisions"]] == ["deny"]


def test_an_attestation_is_attached_verified_logged_and_told(chain: Chain, root: str) -> None:
    bundle = attested(chain, root)

    first = chain.cirrus.ask("custody.attach", ref=root, bundle=str(bundle), organization=ACME)
    again = chain.cirrus.ask("custody.attach", ref=root, bundle=str(bundle), organization=ACME)

    [logged] = [e for e in chain.cirrus.entries("custody.attested") if e.public["statement"] == first["statement"]]
    [said] = [e for e in story(chain.cirrus, root)["attestations"] if e["statement"] == first["statement"]]
    assert again == first
    assert logged.public["partner"] == ACME
    assert (said["name"], said["signer"], said["proof"]) == (RESULT, f"ada@{ACME}", "verified")


def test_an_attestation_of_something_else_or_by_somebody_else_is_not_attached(chain: Chain, root: str) -> None:
    other = attested(chain, chain.deliver("other"))
    offer = chain.folder / "offer.json"
    offer.write_bytes(chain.borealis.office.outgoing.document(newest(chain), "offer") or b"")
    before = len(chain.cirrus.entries("custody.attested"))

    for bundle, organization, error in (
        (other, ACME, IntegrityError),
        (attested(chain, root, result="WARNED"), BOREALIS, SignatureError),
        (attested(chain, root), "stranger.example", LadingError),
        (offer, BOREALIS, UsageError),
        (chain.folder / "other" / "config.json", ACME, LadingError),
    ):
        with pytest.raises(error):
            chain.cirrus.ask("custody.attach", ref=root, bundle=str(bundle), organization=organization)

    assert len(chain.cirrus.entries("custody.attested")) == before


def test_only_who_is_listed_for_it_attests(chain: Chain, root: str) -> None:
    predicate = chain.folder / "p.json"
    predicate.write_text("{}")

    with pytest.raises(UntrustedIdentity, match="may not sign"):
        chain.acme.ask("custody.attest", ref=root, predicate_type="https://x.example/v1", predicate=str(predicate))


def test_an_attestation_whose_file_is_gone_or_another_is_told_so(chain: Chain) -> None:
    root = chain.deliver("gone")
    made = [chain.borealis.ask("custody.attach", ref=root, bundle=str(attested(chain, root)), organization=ACME)]
    made += [
        chain.borealis.ask(
            "custody.attach", ref=root, bundle=str(attested(chain, root, result="FAILED")), organization=ACME
        )
    ]
    files = [chain.borealis.office.layout.attestation(root, each["statement"][:32]) for each in made]
    shutil.copy(files[1], files[0])
    files[1].unlink()

    said = story(chain.borealis, root)["attestations"]

    assert [(each["proof"], each["why"]) for each in said] == [
        ("unverified", "the file is another"),
        ("withheld", "it is not here"),
    ]


def test_an_origin_that_is_not_pinned_any_more_leaves_its_signatures_unverified(chain: Chain, root: str) -> None:
    pinned = chain.cirrus.home / "trust" / "partners" / ACME
    pinned.rename(pinned.with_name("aside"))
    try:
        said = story(chain.cirrus, root)
    finally:
        pinned.with_name("aside").rename(pinned)

    assert {each["proof"] for each in said["signatures"]} == {"unverified"}
    assert [each["why"] for each in said["handoffs"][0]["statements"] if each["name"] == "offer"] == [
        f"no trust of {ACME} is pinned"
    ]


def test_what_was_erased_is_told_as_erased(chain: Chain) -> None:
    root = chain.deliver("erased")
    chain.borealis.ask("artifact.export", ref=root, folder=str(chain.folder / "copy"), purpose="evaluation")
    copied = story(chain.borealis, root)["happened"][-1]
    log = chain.borealis.office.log
    log.record_many(erasure_events([copied["index"]], actor=f"bea@{BOREALIS}", reason="asked for", rule=""))
    remove_payloads(log, chain.borealis.office.layout.audit_database, [copied["index"]])

    gone = story(chain.borealis, root)["happened"][-1]

    assert (copied["type"], copied["actor"], copied["details"]["purpose"]) == (
        "artifact.copied",
        f"bea@{BOREALIS}",
        "evaluation",
    )
    assert (gone["erased"], gone["details"], gone["type"]) == (True, {}, "artifact.copied")
    assert f"bea@{BOREALIS}" not in gone["actor"]
    assert "the rest was erased" in " ".join(told(story(chain.borealis, root)).split())


def test_it_reads_on_eighty_columns(chain: Chain, root: str) -> None:
    for side in chain.sides:
        lines = click.unstyle(told(story(side, root))).splitlines()
        assert max(map(len, lines)) <= 80
        assert any(line.startswith("handoff 1: ") for line in lines)


def newest(chain: Chain) -> str:
    return next(each.id for each in chain.borealis.office.outgoing.all() if each.state == "completed")
