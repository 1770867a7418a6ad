"""A gateway that is stopped leaves its workspace as it finds it, also when there is none any more."""

import shutil
from pathlib import Path

from tests.integration.running import Gateway, free_port, lading


def test_a_gateway_whose_folder_was_deleted_makes_nothing_anew_when_it_stops(tmp_path: Path) -> None:
    home = tmp_path / "acme"
    about = ("--org", "acme.example", "--name", "Acme", "--region", "EU", "--admin", "ada")
    lading(tmp_path, "init", str(home), *about, "--listen", f"127.0.0.1:{free_port()}")
    gateway = Gateway(home)
    gateway.hears("listens on")

    shutil.rmtree(home)
    gateway.stop()

    assert list(tmp_path.iterdir()) == []
    gateway.hears("that the gateway stopped is not on record: the remembered checkpoints .* are damaged")
