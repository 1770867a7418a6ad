"""Third-party witnesses are pinned by hand, and a party is none."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.errors import InputError
from engine.signing.trust_document import TrustDocument, fingerprint, sign_trust
from engine.signing.trust_folder import TrustFolder
from engine.signing.witnesses import PinnedWitness, dump_pin, make_pin, third_parties
from tests.unit.signing.conftest import NOW

URL = "https://witness.example:8444"


def vkey(name: str, seed: int, algorithm: int = 4) -> str:
    public = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()
    material = bytes([algorithm]) + public
    identifier = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex()
    return f"{name}+{identifier}+{base64.b64encode(material).decode()}"


@pytest.fixture
def folder(tmp_path: Path) -> TrustFolder:
    return TrustFolder(tmp_path / "trust")


def test_a_pinned_witness_is_read_as_it_was_pinned(folder: TrustFolder) -> None:
    pin = make_pin("archive", vkey("witness.example", 7), URL, None)

    folder.pin(pin)

    assert folder.witnesses() == (pin,)


def test_a_folder_without_pins_has_no_third_parties(folder: TrustFolder) -> None:
    assert folder.witnesses() == ()
    assert folder.witness_policy() is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "../up"}, "name"),
        ({"name": "Archive"}, "name"),
        ({"name": "none"}, "called .none."),
        ({"vkey": "witness.example+00000000+" + vkey("witness.example", 7).rsplit("+", 1)[1]}, "says id 00000000"),
        ({"vkey": vkey("witness.example", 7, algorithm=1)}, "algorithm 04"),
        ({"vkey": "no key"}, "verifier key"),
        ({"url": "http://witness.example"}, "plain http"),
        ({"url": "https://ada@witness.example"}, "without user"),
        ({"url": "file:///etc/passwd"}, "expected https"),
        ({"url": "https://witness.example/"}, "closing slash"),
        ({"url": "https://witness.example:99999"}, "port|Port"),
        ({"ca": "no certificate"}, "PEM|pem"),
    ],
)
def test_a_malformed_pin_is_refused_with_its_field(changed: dict[str, str], said: str) -> None:
    fields = {"name": "archive", "vkey": vkey("witness.example", 7), "url": URL, "ca": None} | changed

    with pytest.raises(InputError, match=said):
        make_pin(**fields)  # type: ignore[arg-type] - the test's own words


def test_plain_http_may_go_to_this_machine() -> None:
    assert make_pin("local", vkey("witness.example", 7), "http://127.0.0.1:8444", None).url


@pytest.mark.parametrize(
    "text", ["", "vkey = 3", "vkey = ", "name = 'b'\nvkey = 'x'", "surprise = true", "\0", "x" * 70_000]
)
def test_a_hostile_file_is_named_and_pins_nobody(folder: TrustFolder, tmp_path: Path, text: str) -> None:
    path = tmp_path / "trust" / "witnesses" / "archive.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(InputError, match=r"archive\.toml"):
        folder.witnesses()


def test_a_link_is_no_pin(folder: TrustFolder, tmp_path: Path) -> None:
    folder.pin(make_pin("archive", vkey("witness.example", 7), None, None))
    (tmp_path / "trust" / "witnesses" / "other.toml").symlink_to("archive.toml")

    with pytest.raises(InputError, match=r"other\.toml"):
        folder.witnesses()


def test_one_key_cannot_count_twice_under_two_names(folder: TrustFolder) -> None:
    folder.pin(make_pin("archive", vkey("witness.example", 7), None, None))

    with pytest.raises(InputError, match="pinned already, as archive"):
        folder.pin(make_pin("other", vkey("else.example", 7), None, None))


def test_a_pin_that_is_removed_counts_no_longer_but_stays_known(folder: TrustFolder) -> None:
    pin = make_pin("archive", vkey("witness.example", 7), None, None)
    folder.pin(pin)

    assert folder.unpin("archive") == pin

    assert folder.witnesses() == ()
    assert [each.vkey for each in folder.former_pins()] == [pin.vkey]
    with pytest.raises(InputError, match="no witness 'archive' is pinned"):
        folder.unpin("archive")


def test_a_partner_is_no_third_party(
    folder: TrustFolder,
    tmp_path: Path,
    document: Callable[..., TrustDocument],
    root_private_keys: list[Ed25519PrivateKey],
) -> None:
    theirs = document(witness_keys=(vkey("borealis.example/lading/witness", 9),))
    folder.add_pending(sign_trust(theirs, root_private_keys[:2]), now=NOW)
    folder.confirm("borealis.example", fingerprint(theirs), now=NOW)
    sock_puppet = make_pin("independent", vkey("independent.example", 9), None, None)
    trust = tmp_path / "trust"
    (trust / "witnesses").mkdir()
    (trust / "witnesses" / "independent.toml").write_bytes(dump_pin(sock_puppet))  # by hand, past the command

    assert folder.pins() == (sock_puppet,)
    assert folder.witnesses() == ()
    with pytest.raises(InputError, match="key of this organization or of a partner"):
        folder.pin(make_pin("again", vkey("again.example", 9), None, None))


@pytest.mark.parametrize("kind", ["witness_keys", "log_keys"])
def test_a_partner_cannot_take_a_pinned_witness_out_of_count_by_listing_its_key(
    folder: TrustFolder,
    document: Callable[..., TrustDocument],
    root_private_keys: list[Ed25519PrivateKey],
    kind: str,
) -> None:
    pin = make_pin("archive", vkey("witness.example", 9), URL, None)
    name = {"witness_keys": "borealis.example/lading/witness", "log_keys": "borealis.example/lading/audit/0"}[kind]
    theirs = document(**{kind: (vkey(name, 9, algorithm=4 if kind == "witness_keys" else 1),)})
    data = sign_trust(theirs, root_private_keys[:2])
    folder.add_pending(data, now=NOW)  # before the pin, and confirmed after it
    folder.pin(pin)

    for act in (
        lambda: folder.add_pending(data, now=NOW),
        lambda: folder.confirm("borealis.example", fingerprint(theirs), now=NOW),
    ):
        with pytest.raises(InputError, match="is a key of the witness pinned as archive"):
            act()

    assert (folder.partners(), folder.witnesses()) == ((), (pin,))
    folder.unpin("archive")
    assert folder.confirm("borealis.example", fingerprint(theirs), now=NOW) == theirs


def test_a_partner_that_lists_the_key_of_another_keeps_it_from_nothing(
    folder: TrustFolder, document: Callable[..., TrustDocument], root_private_keys: list[Ed25519PrivateKey]
) -> None:
    theirs = document(witness_keys=(vkey("borealis.example/lading/witness", 9),))
    folder.add_pending(sign_trust(theirs, root_private_keys[:2]), now=NOW)
    folder.confirm("borealis.example", fingerprint(theirs), now=NOW)
    later = document(version=2, witness_keys=theirs.witness_keys)
    cygnus = document(
        organization="cygnus.example",
        log_keys=(vkey("cygnus.example/lading/audit/0", 3, algorithm=1),),
        witness_keys=(vkey("cygnus.example/lading/witness", 9),),
    )

    folder.add_pending(sign_trust(cygnus, root_private_keys[:2]), now=NOW)
    folder.confirm("cygnus.example", fingerprint(cygnus), now=NOW)

    assert folder.add_pending(sign_trust(later, root_private_keys[:2]), now=NOW) == later


def test_a_partner_cannot_list_our_own_key(
    folder: TrustFolder, document: Callable[..., TrustDocument], root_private_keys: list[Ed25519PrivateKey]
) -> None:
    ours = document(
        organization="acme.example",
        log_keys=(vkey("acme.example/lading/audit/0", 3, algorithm=1),),
    )
    folder.set_own(sign_trust(ours, root_private_keys[:2]), now=NOW)
    theirs = document(witness_keys=(vkey("borealis.example/lading/witness", 3),))

    with pytest.raises(InputError, match=r"is a key of acme\.example"):
        folder.add_pending(sign_trust(theirs, root_private_keys[:2]), now=NOW)


def test_a_partner_that_lists_a_third_party_s_key_first_does_not_keep_it_from_being_pinned(
    folder: TrustFolder, document: Callable[..., TrustDocument], root_private_keys: list[Ed25519PrivateKey]
) -> None:
    own_key, claimed = vkey("borealis.example/lading/witness", 9), vkey("borealis.example/lading/witness", 7)
    theirs = document(witness_keys=(own_key, claimed))
    folder.add_pending(sign_trust(theirs, root_private_keys[:2]), now=NOW)
    folder.confirm("borealis.example", fingerprint(theirs), now=NOW)
    with pytest.raises(InputError, match=r"the trust document of borealis\.example lists it") as refused:
        folder.pin(make_pin("archive", vkey("witness.example", 7), URL, None))
    assert "--not-of" in refused.value.remedy

    pin = make_pin("archive", vkey("witness.example", 7), URL, None, ["borealis.example"])
    folder.pin(pin)

    assert folder.witnesses() == folder.pins() == (pin,)
    assert folder.witness_keys("borealis.example") == (own_key,)
    later = document(version=2, witness_keys=theirs.witness_keys)
    folder.add_pending(sign_trust(later, root_private_keys[:2]), now=NOW)
    assert folder.confirm("borealis.example", fingerprint(later), now=NOW) == later
    assert folder.witnesses() == (pin,)


def test_a_pin_that_is_not_of_one_partner_does_not_count_if_it_is_of_another_or_ours(
    folder: TrustFolder, document: Callable[..., TrustDocument], root_private_keys: list[Ed25519PrivateKey]
) -> None:
    theirs = document(witness_keys=(vkey("borealis.example/lading/witness", 9),))
    folder.add_pending(sign_trust(theirs, root_private_keys[:2]), now=NOW)
    folder.confirm("borealis.example", fingerprint(theirs), now=NOW)
    ours = document(organization="acme.example", log_keys=(vkey("acme.example/lading/audit/0", 3, algorithm=1),))
    folder.set_own(sign_trust(ours, root_private_keys[:2]), now=NOW)

    for seed, organization in ((9, "cygnus.example"), (3, "acme.example")):
        with pytest.raises(InputError, match="key of this organization or of a partner"):
            folder.pin(make_pin("archive", vkey("witness.example", seed), URL, None, [organization]))


def test_a_party_is_known_by_its_bytes_not_by_its_name() -> None:
    pins = [PinnedWitness(name="a", vkey=vkey("a.example", 1)), PinnedWitness(name="b", vkey=vkey("b.example", 2))]

    assert third_parties(pins, [vkey("log.example/lading/audit/0", 2, algorithm=1)]) == (pins[0],)
