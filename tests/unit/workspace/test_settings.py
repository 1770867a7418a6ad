"""`lading.toml` is checked field by field; a message names the file, the field, what was found and expected."""

from pathlib import Path

import pytest

from engine.errors import UsageError, WorkspaceError
from engine.workspace.settings import dump_settings, load_settings, new_settings

GOOD = """\
[organization]
id = "acme.example"
name = "Acme"
region = "EU"
"""

BAD = [
    ('id = "acme.example"', 'id = "Acme"', "organization.id", "'Acme'", "a DNS name in lower case"),
    ('id = "acme.example"', 'id = "acme"', "organization.id", "'acme'", "a DNS name in lower case"),
    ('id = "acme.example"', 'id = "../acme.example"', "organization.id", "'../acme.example'", "a DNS name"),
    ('id = "acme.example"', "id = 7", "organization.id", "7", "string"),
    ('name = "Acme"', 'name = ""', "organization.name", "''", "at least 1"),
    ('region = "EU"', 'region = "Europe"', "organization.region", "'Europe'", "EU or an ISO 3166 code"),
    ('region = "EU"', "", "organization.region", "", "required"),
    (
        "[organization]",
        '[gateway]\nlisten = "localhost"\n[organization]',
        "gateway.listen",
        "'localhost'",
        "ADDRESS:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nlisten = "1.2.3.4:0"\n[organization]',
        "gateway.listen",
        "'1.2.3.4:0'",
        "ADDRESS:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nlisten = "999.1.1.1:80"\n[organization]',
        "gateway.listen",
        "'999.1.1.1:80'",
        "ADDRESS:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nlisten = "[::g]:80"\n[organization]',
        "gateway.listen",
        "'[::g]:80'",
        "ADDRESS:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nurl = "http://a:1"\n[organization]',
        "gateway.url",
        "'http://a:1'",
        "https://HOST:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nurl = "https://a:99999"\n[organization]',
        "gateway.url",
        "'https://a:99999'",
        "https://HOST:PORT",
    ),
    (
        "[organization]",
        '[gateway]\nurl = "https://a:1/path"\n[organization]',
        "gateway.url",
        "'https://a:1/path'",
        "without a path",
    ),
    ("[organization]", "[gateway]\nworkers = 0\n[organization]", "gateway.workers", "0", "greater than or equal to 1"),
    ("[organization]", "[gateway]\nworkers = 65\n[organization]", "gateway.workers", "65", "less than or equal to 64"),
    (
        "[organization]",
        "[gateway]\ncertificate_minutes = 5\n[organization]",
        "gateway.certificate_minutes",
        "5",
        "greater than or equal to 10",
    ),
    ("[organization]", "[gateway]\nwitness_seconds = 0\n[organization]", "gateway.witness_seconds", "0", "equal to 1"),
    (
        "[organization]",
        '[gateway]\nreauthorize_seconds = "x"\n[organization]',
        "gateway.reauthorize_seconds",
        "'x'",
        "integer",
    ),
    ("[organization]", '[signing]\nmode = "public"\n[organization]', "signing.mode", "'public'", "'sandbox'"),
    ("[organization]", "[gatway]\n[organization]", "gatway", "{}", "not permitted"),
    ("[organization]", "[organization]\nowner = 1", "organization.owner", "1", "not permitted"),
]


@pytest.mark.parametrize(("good", "bad", "field", "found", "expected"), BAD)
def test_a_bad_field_is_named_with_what_was_found_and_expected(
    tmp_path: Path, good: str, bad: str, field: str, found: str, expected: str
) -> None:
    path = tmp_path / "lading.toml"
    path.write_text(GOOD.replace(good, bad))

    with pytest.raises(WorkspaceError) as refused:
        load_settings(path)

    said = str(refused.value)
    assert said.startswith(f"{path}: {field}: ")
    assert found in said
    assert expected in said
    assert refused.value.exit_code == 7
    assert refused.value.remedy


def test_every_bad_field_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lading.toml"
    path.write_text(GOOD.replace("acme.example", "Acme").replace("EU", "Europe"))

    with pytest.raises(WorkspaceError, match=r"organization.id: .*; organization.region: "):
        load_settings(path)


def test_a_folder_without_the_file_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=f"{tmp_path} is not a lading workspace") as refused:
        load_settings(tmp_path / "lading.toml")

    assert f"lading init {tmp_path} --org ORG --name NAME --region REGION --admin NAME" in refused.value.remedy
    assert "-C DIR or LADING_HOME" in refused.value.remedy


@pytest.mark.parametrize("data", [b"[organization", b'id = "\xff"', b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lading.toml"
    path.write_bytes(data)

    with pytest.raises(WorkspaceError, match=f"{path} is not TOML"):
        load_settings(path)


@pytest.mark.parametrize("name", ["Acme", 'Acme "the" \\ Co', "Ačmé\n\t\x7f", "\U000e0001 tag", "[x] # y = 'z'"])
def test_what_is_written_reads_back_the_same(tmp_path: Path, name: str) -> None:
    settings = new_settings(org="acme.example", name=name, region="US-CA", listen="[::1]:9443", url=None)
    path = tmp_path / "lading.toml"
    path.write_text(dump_settings(settings), encoding="utf-8")

    assert load_settings(path) == settings
    assert settings.gateway.url == "https://[::1]:9443"
    assert settings.gateway.address == ("::1", 9443)


def test_names_follow_from_the_organization() -> None:
    settings = new_settings(
        org="acme.example", name="Acme", region="EU", listen=None, url="https://gw.acme.example:443"
    )

    assert settings.issuer == "https://oidc.acme.example"
    assert settings.service_identity == "spiffe://acme.example/gateway"
    assert settings.gateway.address == ("127.0.0.1", 8443)
    assert settings.gateway.url == "https://gw.acme.example:443"


def test_a_malformed_option_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"gateway.listen: found 'here', expected ADDRESS:PORT") as refused:
        new_settings(org="acme.example", name="Acme", region="EU", listen="here", url="https://a:1")

    assert refused.value.exit_code == 2
