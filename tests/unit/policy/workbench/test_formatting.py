"""Formatting policies without changing them."""

from pathlib import Path

import pytest
from cedarpy import policies_to_pst

from engine.errors import PolicyError
from engine.policy.bundle import PolicyBundle
from engine.policy.workbench import formatting
from engine.policy.workbench.formatting import format_file, formatted_folder
from tests.unit.policy.worlds import ROOT

UGLY = '// why "so; // it" is\n@id("a")   permit(principal,action,\n resource) // who\nwhen{1==1};// end\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "any.cedar"
    path.write_text(text)
    return path


def test_the_policies_and_the_comments_stay(tmp_path: Path) -> None:
    path = written(tmp_path, UGLY)
    path.chmod(0o640)
    format_file(path).write()
    text = path.read_text()
    assert policies_to_pst(text) == policies_to_pst(UGLY)
    assert [text.count(each) for each in ('why "so; // it" is', "// who", "// end")] == [1, 1, 1]
    assert path.stat().st_mode & 0o777 == 0o640
    assert not format_file(path).changes
    assert list(tmp_path.iterdir()) == [path]


def test_the_starter_policies_mean_the_same_when_formatted(tmp_path: Path) -> None:
    for each in formatted_folder(ROOT / "policies"):
        (tmp_path / each.path.name).write_text(each.after)
    (tmp_path / "lading.cedarschema").write_bytes((ROOT / "policies" / "lading.cedarschema").read_bytes())
    before, after = PolicyBundle.load(ROOT / "policies"), PolicyBundle.load(tmp_path)
    assert {id_: policy.node for id_, policy in before.policies.items()} == {
        id_: policy.node for id_, policy in after.policies.items()
    }


@pytest.mark.parametrize(
    "spoiled", ['@id("a") forbid(principal, action, resource) when { 1 == 1 };', UGLY.replace("// who", "")]
)
def test_a_formatter_that_changes_something_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    monkeypatch.setattr(formatting, "format_policies", lambda _: spoiled)
    with pytest.raises(PolicyError, match="would change a policy or lose a comment"):
        format_file(written(tmp_path, UGLY))


def test_what_does_not_parse_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path, "permit (principal, action")
    with pytest.raises(PolicyError, match=r"any\.cedar cannot be formatted"):
        formatted_folder(tmp_path)


def test_a_folder_without_policies_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no file ending in \.cedar"):
        formatted_folder(tmp_path)


def test_the_diff_shows_what_would_change(tmp_path: Path) -> None:
    diff = format_file(written(tmp_path, UGLY)).diff
    assert '-@id("a")   permit(principal,action,\n' in diff
    assert '+@id("a")\n' in diff
