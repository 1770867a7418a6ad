"""What release 0.1.0 wrote must be accepted by every later release."""

import shutil
from pathlib import Path

import pytest

from engine.custody.account import verify_bill
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE
from engine.signing.trust_folder import TrustFolder
from engine.workspace.agreements import show_agreement
from engine.workspace.log.record import verify_log

RELEASE = Path(__file__).parent / "v0.1.0"
ORGANIZATIONS = ("acme.example", "borealis.example")


@pytest.fixture(params=ORGANIZATIONS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a workspace of that release, without its private keys."""
    return Path(shutil.copytree(RELEASE / request.param, tmp_path / request.param))


def test_its_log_verifies(home: Path) -> None:
    report = verify_log(home, lambda _: None)

    assert report["problems"] == []
    assert report["size"]
    assert report["remembered"]


@pytest.mark.parametrize("organization", ORGANIZATIONS)
def test_its_bill_verifies_under_either_partys_trust(organization: str) -> None:
    account = verify_bill((RELEASE / "handoff.bill.json").read_bytes(), RELEASE / organization / "trust")

    assert (account.verdict, account.grade) == ("released", "bilateral")


def test_its_attestations_verify(home: Path) -> None:
    trust = TrustFolder(home / "trust").organization_trust("acme.example")
    [folder] = (home / "attestations").iterdir()

    for name, kind in (("model", MODEL_SIGNATURE), ("manifest", MANIFEST_REFERENCE)):
        signed = trust.verify((folder / f"{name}.sigstore.json").read_bytes(), predicate_type=kind)
        assert signed.signatory.identity == "ada@acme.example"


def test_its_agreement_is_read_with_both_signatures(home: Path) -> None:
    [digest] = [folder.name for folder in (home / "agreements").iterdir()]
    signed_by = show_agreement(home, digest)["signed_by"]

    assert signed_by == ["acme.example (ada@acme.example)", "borealis.example (bea@borealis.example)"]
