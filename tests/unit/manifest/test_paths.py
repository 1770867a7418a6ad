"""A path accepted anywhere can be written everywhere, and stays inside."""

import pytest

from engine.manifest.paths import check_path, check_paths


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b.c",
        ".hidden",
        "..a",
        "a..",
        "with space/ü.txt",
        "日本語.md",
        "gitignore",
        "a" * 255,
        "-rf",
        "~",
        "C:x",
    ],
)
def test_ordinary_names_are_accepted(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a/./b", "'.'"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("..\\x", "backslash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x7f", "control"),
        ("a\x85b", "control"),
        ("report\u202etxt.exe", "format character"),
        ("a\u200bb", "format character"),
        ("a\u2028b", "format character"),
        ("bad\udcff", "not UTF-8"),
        ("u\u0308.txt", "NFC"),
        ("\u212b", "NFC"),
        ("ü" * 128, "part longer"),
        ("/".join("a" * 9 for _ in range(103)), "longer than 1024"),
        (".git/config", "git"),
        ("sub/.GIT/hooks/post-checkout", "git"),
        (".gitattributes", "git"),
    ],
)
def test_hostile_names_are_refused(path: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_path(path)


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["b", "a"], "sorted"),
        (["a", "a"], "sorted"),
        (["README.md", "readme.md"], "one name"),
        (["Ä.txt", "ä.txt"], "one name"),
        (["STRASSE", "straße"], "one name"),
        (["A/x", "a/y"], "one name"),
        (["a", "a/b"], "file and also a folder"),
        (["A", "a/b"], "one name"),
    ],
)
def test_names_that_cannot_stand_side_by_side_are_refused(paths: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_paths(paths)


def test_many_files_of_one_folder_are_accepted() -> None:
    check_paths(["a.txt", "a/b/c", "a/b/d", "a/e", "b"])
