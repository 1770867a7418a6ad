"""Network zones: the first range that has an address counts, and what is in none is outside."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.errors import WorkspaceError
from engine.workspace.settings import load_settings
from engine.workspace.zones import Zones

ZONES = Zones(
    {"lab": ("10.20.0.0/16",), "partner": ("10.0.0.0/8", "2001:db8::/32"), "here": ("127.0.0.1/32", "::1/128")}
)


@pytest.mark.parametrize(
    ("address", "zone"),
    {
        "10.20.3.4": "lab",
        "10.21.0.1": "partner",
        "2001:db8::17": "partner",
        "::ffff:10.20.0.1": "lab",
        "fe80::1%eth0": "outside",
        "192.0.2.1": "outside",
        "": "outside",
        "10.20.0.1, 192.0.2.1": "outside",
    }.items(),
)
def test_the_zone_of_an_address(address: str, zone: str) -> None:
    assert ZONES.of(address) == zone


def test_without_zones_everybody_is_a_partner() -> None:
    assert Zones().of("192.0.2.1") == "partner"


@pytest.mark.parametrize(
    ("zones", "says"),
    [
        ({"lab": ["10.0.0.1/8"]}, "host bits"),
        ({"lab": ["ten"]}, "found 'ten'"),
        ({"La b": ["10.0.0.0/8"]}, "La b"),
        ({"outside": ["10.0.0.0/8"]}, "found 'outside', expected another name"),
    ],
)
def test_what_is_no_range_is_named(zones: dict[str, list[str]], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Zones.model_validate(zones)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('lab = ["ten"]', r"lading\.toml.*zones\.lab.*found 'ten', expected a range"),
        ('outside = ["10.0.0.0/8"]', r"lading\.toml.*zones\.outside.*found 'outside', expected another name"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_its_field(home: Path, line: str, says: str) -> None:
    path = home / "lading.toml"
    path.write_text(path.read_text() + f"\n[zones]\n{line}\n")

    with pytest.raises(WorkspaceError, match=says):
        load_settings(path)
