"""Cutting Cedar text into statements that know their line."""

import pytest

from engine.errors import PolicyError
from engine.policy.source import read_folder, split
from tests.unit.policy.conftest import Folder
from tests.unit.policy.worlds import rule


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


def test_many_comparisons_in_one_file_are_no_nesting(folder: Folder) -> None:
    policies = "".join(
        rule(f"p{number}", f"permit (principal, action, resource) when {{ principal.level < {number} }}")
        for number in range(300)
    )

    assert len(read_folder(folder(policies)).statements) == 300


@pytest.mark.parametrize("sign", ["(", "[", "{"])
def test_what_nests_too_deep_is_named_with_its_line_however_it_is_balanced_elsewhere(folder: Folder, sign: str) -> None:
    closed = rule("p1", "permit (principal, action, resource) when { 1 > 0 && 2 > 1 }")
    deep = rule("p2", f"permit (principal, action, resource) when {{ {sign * 150} }}")

    with pytest.raises(PolicyError, match=r"policies\.cedar nests more than 100 deep at line 4"):
        read_folder(folder(closed + deep))
