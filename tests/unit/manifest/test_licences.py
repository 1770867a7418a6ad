"""Licences are SPDX expressions; what cards say instead is translated, never guessed."""

import pytest

from engine.manifest.licences import check_expression, from_card, spdx


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "Apache-2.0 OR MIT",
        "(MIT OR ISC) AND CC-BY-4.0",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "LicenseRef-llama3",
        "DocumentRef-card:LicenseRef-own",
        "GPL-2.0+",
        "ORACLE-1.0",
        "Not-A-Licence-Yet-1.0",
    ],
)
def test_well_written_expressions_are_read_even_if_a_licence_is_not_known_yet(text: str) -> None:
    assert check_expression(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CC-BY-4.0 OR",
        "OR MIT",
        "MIT MIT",
        "AND",
        "MIT AND OR",
        "(MIT",
        "MIT)",
        ")MIT(",
        "mit or isc",
        "MIT  OR ISC",
        " MIT",
        "MIT\n",
        "MIT/X11",
        "ünï",
        "MIT WITH",
        "A" * 1001,
    ],
)
def test_badly_written_expressions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an SPDX licence expression"):
        check_expression(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("mit or Apache-2.0", "MIT OR Apache-2.0"),
        ("((MIT))", "MIT"),
        ("LicenseRef-llama3", "LicenseRef-llama3"),
        ("gpl-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ],
)
def test_people_may_write_licences_their_way(text: str, meant: str) -> None:
    assert spdx(text) == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CC-BY-4.0 OR", "not an SPDX licence expression"),
        ("", "not an SPDX licence expression"),
        ("MIT MIT", "not an SPDX licence expression"),
        ("(" * 5000 + "MIT", "not an SPDX licence expression"),
        ("llama 3", "SPDX"),
        ("llama3", "'LicenseRef-llama3'"),
    ],
)
def test_what_spdx_does_not_know_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        spdx(text)


@pytest.mark.parametrize(
    ("names", "custom", "meant"),
    [
        (["apache-2.0"], None, "Apache-2.0"),
        (["llama3.1"], None, "LicenseRef-llama3.1"),
        (["other"], "my licence, v2!", "LicenseRef-my-licence-v2"),
        (["other"], None, None),
        (["unknown"], None, None),
        (["???"], None, "LicenseRef-unnamed"),
        ([], None, None),
        (["mit", "cc-by-4.0"], None, "MIT AND CC-BY-4.0"),
        (["mit", "apache-2.0 or isc"], None, "MIT AND (Apache-2.0 OR ISC)"),
        (["mit or isc"], None, "MIT OR ISC"),
        (["mit", "MIT"], None, "MIT"),
    ],
)
def test_a_card_means_an_expression(names: list[str], custom: str | None, meant: str | None) -> None:
    assert from_card(names, custom) == meant
