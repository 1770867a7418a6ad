"""identities.toml says who may sign what, exactly."""

from pathlib import Path

import pytest

from engine.errors import InputError
from engine.signing import AllowedIdentity, Signatory, dump_identities, load_identities
from engine.signing.identity import check_organization

OFFER, VERDICT = "urn:lading:offer:v1", "urn:lading:verdict:v1"
ADA = AllowedIdentity("ada@acme.example", "https://oidc.acme.example", (OFFER, VERDICT))
GATEWAY = AllowedIdentity("spiffe://acme.example/gateway", "https://oidc.acme.example", (OFFER,))


@pytest.mark.parametrize(
    ("signatory", "predicate_type", "allowed"),
    [
        (Signatory("ada@acme.example", "https://oidc.acme.example"), OFFER, True),
        (Signatory("ada@acme.example", "https://oidc.acme.example"), "urn:lading:offer:v2", False),
        (Signatory("Ada@acme.example", "https://oidc.acme.example"), OFFER, False),
        (Signatory("ada@acme.example", "https://oidc.acme.example/"), OFFER, False),
        (Signatory("ada@acme.example.evil.example", "https://oidc.acme.example"), OFFER, False),
    ],
)
def test_identities_are_compared_exactly(signatory: Signatory, predicate_type: str, *, allowed: bool) -> None:
    assert ADA.allows(signatory, predicate_type) is allowed


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    identities = {"acme.example": (ADA, GATEWAY), "borealis.example": (GATEWAY,)}
    path = tmp_path / "identities.toml"
    path.write_text(dump_identities(identities))

    assert load_identities(path) == identities


def test_no_partners_is_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "identities.toml"
    path.write_text(dump_identities({}))

    assert load_identities(path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[acme]]\n", "organization id"),
        ('[["acme.example"]]\nidentity = "ada@acme.example"\n', "issuer"),
        (dump_identities({"acme.example": [ADA]}) + "admin = true\n", "admin"),
        (dump_identities({"acme.example": [ADA]}).replace("ada@acme.example", "*@acme.example\\n"), "identity"),
        (dump_identities({"acme.example": [ADA]}).replace("https:", "http:"), "issuer"),
        (
            dump_identities({"acme.example": [AllowedIdentity("a@acme.example", "https://o.x", ())]}),
            "predicate_types",
        ),
        ("\x00", "cannot be read"),
        ("# " + "x" * (1 << 20), "at most"),
    ],
)
def test_a_broken_file_is_named_with_its_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "identities.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=said) as caught:
        load_identities(path)

    assert "identities.toml" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "identities.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match="cannot be read"):
        load_identities(path)


@pytest.mark.parametrize(
    "name", ["acme", "..", "a..b", "../acme.example", "Acme.example", "acme.example.", "", "a/b.c"]
)
def test_an_organization_id_is_safe_as_a_folder_name(name: str) -> None:
    with pytest.raises(ValueError, match="organization id"):
        check_organization(name)


def test_a_signatory_is_shown_with_its_issuer() -> None:
    assert str(Signatory("ada@acme.example", "https://oidc.acme.example")) == (
        "ada@acme.example (according to https://oidc.acme.example)"
    )
