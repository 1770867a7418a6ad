"""The screens start quickly: what is heavy stays where it is."""

import subprocess
import sys

import pytest

from engine.errors import WorkspaceError
from tui.app import run

HEAVY = ("sigstore", "cedarpy", "sqlalchemy", "aiohttp", "alembic", "model_signing")


def test_importing_the_app_imports_nothing_heavy() -> None:
    code = f"import sys, tui.app; print([name for name in {HEAVY!r} if name in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_view_models_need_no_widget_library() -> None:
    code = (
        "import sys, tui.state.session, tui.state.audit_detail, tui.state.transfer_detail, tui.state.help,"
        " tui.state.decision_detail, tui.state.policy_detail, tui.state.asking;"
        " print([name for name in ('textual', 'rich') if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_a_folder_that_is_no_workspace_never_opens_a_screen(tmp_path: object) -> None:
    with pytest.raises(WorkspaceError):
        run(tmp_path)
