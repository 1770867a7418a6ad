"""Partners are trusted after a person compared a fingerprint, and not before."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.errors import BadSignature, InputError, UntrustedIdentity
from engine.signing import MANIFEST_REFERENCE, AllowedIdentity, dump_identities
from engine.signing.trust_document import TrustDocument, fingerprint, root_keys, sign_trust
from engine.signing.trust_folder import TrustFolder
from tests.unit.signing.conftest import NOW, Party

BO = "bo@borealis.example"
Build = Callable[..., TrustDocument]
Keys = list[Ed25519PrivateKey]


@pytest.fixture
def folder(tmp_path: Path) -> TrustFolder:
    return TrustFolder(tmp_path / "trust")


@pytest.fixture
def signed(document: Build, root_private_keys: Keys) -> Callable[..., bytes]:
    def sign(**changes: object) -> bytes:
        return sign_trust(document(**changes), root_private_keys[:2])

    return sign


@pytest.fixture
def confirmed(folder: TrustFolder, document: Build, signed: Callable[..., bytes]) -> TrustFolder:
    folder.add_pending(signed(), now=NOW)
    folder.confirm("borealis.example", fingerprint(document()), now=NOW)
    return folder


def test_a_confirmed_partners_bundles_verify(confirmed: TrustFolder, borealis: Party) -> None:
    trust = confirmed.organization_trust("borealis.example")

    assert trust.verify(borealis.sign(BO), predicate_type=MANIFEST_REFERENCE).signatory.identity == BO


def test_a_pending_document_trusts_nobody(folder: TrustFolder, signed: Callable[..., bytes]) -> None:
    folder.add_pending(signed(), now=NOW)

    assert [document.organization for document in folder.pending()] == ["borealis.example"]
    assert folder.partners() == ()
    with pytest.raises(InputError, match=r"'borealis\.example' is not a confirmed partner; confirmed are: none"):
        folder.organization_trust("borealis.example")


@pytest.mark.parametrize("separator", ["-", " ", "", ":", "\n"])
def test_a_fingerprint_may_be_typed_as_it_was_heard(
    folder: TrustFolder, document: Build, signed: Callable[..., bytes], separator: str
) -> None:
    folder.add_pending(signed(), now=NOW)

    folder.confirm("borealis.example", fingerprint(document()).upper().replace("-", separator), now=NOW)

    assert folder.partners() == ("borealis.example",)
    assert folder.pending() == ()


@pytest.mark.parametrize("wrong", ["", "0000", "0" * 40])
def test_another_fingerprint_confirms_nothing(
    folder: TrustFolder, document: Build, signed: Callable[..., bytes], wrong: str
) -> None:
    folder.add_pending(signed(), now=NOW)

    with pytest.raises(BadSignature, match=fingerprint(document())):
        folder.confirm("borealis.example", wrong, now=NOW)

    assert folder.partners() == ()
    assert len(folder.pending()) == 1


def test_the_beginning_of_a_fingerprint_is_not_enough(
    folder: TrustFolder, document: Build, signed: Callable[..., bytes]
) -> None:
    folder.add_pending(signed(), now=NOW)

    with pytest.raises(BadSignature, match="another fingerprint"):
        folder.confirm("borealis.example", fingerprint(document())[:-1], now=NOW)


def test_nothing_waiting_cannot_be_confirmed(folder: TrustFolder) -> None:
    with pytest.raises(InputError, match=r"no trust document of borealis\.example is waiting"):
        folder.confirm("borealis.example", "0" * 40, now=NOW)


@pytest.mark.parametrize("organization", ["../../etc", "borealis", "", "a/b.example"])
def test_names_do_not_lead_out_of_the_folder(folder: TrustFolder, organization: str) -> None:
    with pytest.raises(InputError, match="not an organization id"):
        folder.confirm(organization, "0" * 40, now=NOW)
    with pytest.raises(InputError, match="not a confirmed partner"):
        folder.partner(organization)


def test_an_unknown_partner_is_answered_with_the_known_ones(confirmed: TrustFolder) -> None:
    with pytest.raises(InputError, match=r"confirmed are: borealis\.example") as caught:
        confirmed.partner("corvid.example")

    assert "lading partner add" in caught.value.remedy


def test_a_document_that_expires_while_it_waits_is_not_confirmed(
    folder: TrustFolder, document: Build, signed: Callable[..., bytes]
) -> None:
    folder.add_pending(signed(), now=NOW)

    with pytest.raises(BadSignature, match="expired"):
        folder.confirm("borealis.example", fingerprint(document()), now=NOW + timedelta(days=366))


def test_a_document_with_a_broken_sigstore_configuration_does_not_even_wait(
    folder: TrustFolder, signed: Callable[..., bytes]
) -> None:
    with pytest.raises(InputError, match=r"the trust_config of borealis\.example cannot be read"):
        folder.add_pending(signed(trust_config={"trustedRoot": {}}), now=NOW)

    assert folder.pending() == ()


def test_a_rotation_is_confirmed_like_a_first_document(
    confirmed: TrustFolder, document: Build, root_private_keys: Keys
) -> None:
    roots = root_keys([key.public_key() for key in root_private_keys[1:3]])
    second = document(version=2, roots=roots, name="Borealis")

    confirmed.add_pending(sign_trust(second, root_private_keys[:3]), now=NOW)
    confirmed.confirm("borealis.example", fingerprint(second), now=NOW)

    assert confirmed.partner("borealis.example") == second


def test_a_rotation_by_one_stolen_key_does_not_even_wait(
    confirmed: TrustFolder, document: Build, root_private_keys: Keys
) -> None:
    thief = root_private_keys[1:]
    second = document(version=2, roots=root_keys([key.public_key() for key in thief[1:]]))

    with pytest.raises(BadSignature, match="predecessor"):
        confirmed.add_pending(sign_trust(second, thief), now=NOW)


def test_the_same_document_may_be_added_and_confirmed_again(
    confirmed: TrustFolder, document: Build, signed: Callable[..., bytes]
) -> None:
    """As after a crash between the last two writes."""
    confirmed.add_pending(signed(), now=NOW)

    assert confirmed.confirm("borealis.example", fingerprint(document()), now=NOW) == document()


def test_a_waiting_file_that_was_moved_is_refused(
    folder: TrustFolder, document: Build, signed: Callable[..., bytes], tmp_path: Path
) -> None:
    folder.add_pending(signed(), now=NOW)
    waiting = tmp_path / "trust" / "pending"
    (waiting / "borealis.example.json").rename(waiting / "corvid.example.json")

    with pytest.raises(BadSignature, match=r"of borealis\.example, not of corvid"):
        folder.confirm("corvid.example", fingerprint(document()), now=NOW)


def test_our_own_document_is_kept_and_verifies_what_we_signed(
    folder: TrustFolder, acme: Party, signed: Callable[..., bytes]
) -> None:
    allowed = AllowedIdentity("ada@acme.example", acme.sandbox.issuer, (MANIFEST_REFERENCE,))
    config = json.loads(acme.sandbox.trust_config())

    ours = folder.set_own(signed(organization="acme.example", trust_config=config, identities=(allowed,)), now=NOW)

    assert folder.own() == ours
    trust = folder.organization_trust("acme.example")
    assert trust.verify(acme.sign(), predicate_type=MANIFEST_REFERENCE)
    with pytest.raises(InputError, match="this very organization"):
        folder.add_pending(signed(organization="acme.example", trust_config=config), now=NOW)


def test_a_workspace_without_its_own_document_says_so(folder: TrustFolder) -> None:
    with pytest.raises(InputError, match="does not exist"):
        folder.own()


def test_a_copy_that_cannot_be_written_is_enough_to_verify(
    confirmed: TrustFolder, borealis: Party, tmp_path: Path
) -> None:
    del confirmed
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "trust", copy)
    for path in [*copy.rglob("*"), copy]:
        path.chmod(0o500 if path.is_dir() else 0o400)

    trust = TrustFolder(copy).organization_trust("borealis.example")

    assert trust.verify(borealis.sign(BO), predicate_type=MANIFEST_REFERENCE)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o700)


def test_narrowed_identities_are_respected(confirmed: TrustFolder, borealis: Party, tmp_path: Path) -> None:
    (tmp_path / "trust" / "identities.toml").write_text(dump_identities({}))

    trust = confirmed.organization_trust("borealis.example")

    with pytest.raises(UntrustedIdentity, match=BO):
        trust.verify(borealis.sign(BO), predicate_type=MANIFEST_REFERENCE)


def test_without_identities_nobody_is_trusted(confirmed: TrustFolder, tmp_path: Path) -> None:
    (tmp_path / "trust" / "identities.toml").unlink()

    assert confirmed.organization_trust("borealis.example").identities == ()


def test_a_swapped_sigstore_configuration_is_noticed(confirmed: TrustFolder, acme: Party, tmp_path: Path) -> None:
    path = tmp_path / "trust" / "partners" / "borealis.example" / "trust_config.json"
    path.write_text(acme.sandbox.trust_config())

    with pytest.raises(BadSignature, match="not what the signed document beside it says"):
        confirmed.organization_trust("borealis.example")


def test_a_document_in_another_partners_place_is_noticed(confirmed: TrustFolder, tmp_path: Path) -> None:
    partners = tmp_path / "trust" / "partners"
    shutil.copytree(partners / "borealis.example", partners / "corvid.example")

    with pytest.raises(BadSignature, match=r"of borealis\.example, not of corvid\.example"):
        confirmed.partner("corvid.example")


def test_an_altered_document_is_noticed(confirmed: TrustFolder, tmp_path: Path) -> None:
    path = tmp_path / "trust" / "partners" / "borealis.example" / "trust.json"
    path.write_bytes(path.read_bytes().replace(b"gateway.borealis", b"gateway.evilever"))

    with pytest.raises(BadSignature, match="0 of its own root keys"):
        confirmed.organization_trust("borealis.example")


def test_files_that_cannot_be_read_or_are_far_too_large_are_named(confirmed: TrustFolder, tmp_path: Path) -> None:
    path = tmp_path / "trust" / "partners" / "borealis.example" / "trust.json"
    path.write_bytes(b" " * (3 << 20))
    with pytest.raises(InputError, match="more than"):
        confirmed.partner("borealis.example")

    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        confirmed.partner("borealis.example")
