"""Cutting Cedar text into statements that know their line."""

import pytest

from engine.policy.source import split


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("permit(a);forbid(b);", [(1, "permit(a);"), (1, "forbid(b);")]),
        ("\n\n  permit(a)\n;\n// end\n", [(3, "permit(a)\n;")]),
        ("// a; b\npermit(a); // c;\nforbid(b);", [(2, "permit(a);"), (3, "forbid(b);")]),
        ('@id("a;b") permit(a);', [(1, '@id("a;b") permit(a);')]),
        ('@id("a\\";") permit(a);', [(1, '@id("a\\";") permit(a);')]),
        ('@id("// no") permit(a);', [(1, '@id("// no") permit(a);')]),
        ("permit(a) when { 1 / 2 };", [(1, "permit(a) when { 1 / 2 };")]),
        ("permit(a // ;\n);", [(1, "permit(a // ;\n);")]),
        ("permit(a);\npermit(b)", [(1, "permit(a);"), (2, "permit(b)")]),
        ('permit(a);\n@id("open', [(1, "permit(a);"), (2, '@id("open')]),
        ("// nothing but a comment", []),
        (" \n\t", []),
        (";", [(1, ";")]),
    ],
)
def test_statements_end_at_semicolons_outside_strings_and_comments(text: str, pieces: list[tuple[int, str]]) -> None:
    assert [(line, piece) for line, _, piece in split(text)] == pieces


def test_lines_are_counted_over_strings_and_comments() -> None:
    text = 'permit("a\nb");\n// one\n// two\npermit(c);\n\npermit(d);'
    assert [line for line, *_ in split(text)] == [1, 5, 7]
