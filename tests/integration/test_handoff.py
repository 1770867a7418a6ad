"""Two organizations with real gateways: what a handoff survives, and what it is refused for."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.database import open_read_only
from engine.demo.handoff import Handoff
from engine.demo.model import make_model
from engine.demo.organizations import Organization
from engine.errors import Interrupted, LadingError, SourceChanged, UntrustedPeer
from engine.events import system_clock
from engine.manifest.registry_reader import RegistryReader
from engine.signing.trust_folder import TrustFolder
from engine.wire.authority import GatewayCA, gateway_id
from engine.wire.dial import Line, Partner
from engine.wire.tls import client_context
from engine.workspace.dialing import Dialing
from engine.workspace.layout import Layout
from engine.workspace.log.querying import Question, ask_log
from engine.workspace.log.record import show_entry, verify_log
from engine.workspace.settings import load_settings

SIZE = 24 << 20
SLOW = 12.0  # MiB/s: two seconds for a model


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handoff]:
    """Acme and Borealis as confirmed partners, an agreement in force, both gateways running."""
    folder = tmp_path_factory.mktemp("pair")
    acme = Organization(
        "acme.example",
        "Acme",
        "EU",
        folder / "acme",
        {"ada": "administrator, operator", "abe": "approver", "sec": "security"},
    )
    borealis = Organization(
        "borealis.example", "Borealis", "US", folder / "borealis", {"bea": "administrator, operator"}
    )
    handoff = Handoff(acme, borealis, folder)
    try:
        handoff.found()
        handoff.make_partners()
        handoff.agree()
        yield handoff
    finally:
        acme.stop()
        borealis.stop()


@pytest.fixture(autouse=True)
def _both_gateways_run(pair: Handoff) -> None:
    for organization in (pair.acme, pair.borealis):
        if organization.gateway is None:
            organization.start()


def packed(pair: Handoff, name: str, *, size: int = SIZE, **said: str) -> str:
    folder = make_model(pair.folder / name, size=size).folder
    made = pair.acme.ask("artifact.pack", {"path": str(folder), "name": name, "version": "1"} | said)
    return str(made["root"])


def order(pair: Handoff, root: str, **more: Any) -> dict[str, Any]:
    wish = {"artifact": root, "partner": "borealis.example", "agreement": pair.agreement, "purpose": "evaluation"}
    return wish | more


def events(organization: Organization, transfer: str) -> list[str]:
    found: Any = ask_log(organization.home, Question(text=f"transfer:{transfer}", limit=200))["entries"]
    return [entry["type"] for entry in reversed(found)]


def chunks_of(organization: Organization, root: str) -> list[tuple[str, int]]:
    """Return digest and size of each distinct chunk of an artifact, in order."""
    engine = open_read_only(Layout(organization.home).registry_database)
    try:
        return list(RegistryReader(engine).get(root).chunks.distinct)
    finally:
        engine.dispose()


def lading(organization: Organization, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine.cli", "-C", str(organization.home), *arguments]


def test_both_logs_tell_the_story_of_a_handoff_in_order(pair: Handoff) -> None:
    root = packed(pair, "story", size=1 << 20)

    sent = pair.acme.ask("transfer.send", order(pair, root))

    assert (sent["state"], sent["verdict"], sent["sent_twice"]) == ("completed", "released", 0)
    assert events(pair.acme, sent["id"]) == [
        "validation.passed",
        "decision.permit",
        "transfer.offered",
        "transfer.accepted",
        "transfer.started",
        "receipt.received",
        "verdict.received",
        "transfer.completed",
    ]
    told = events(pair.borealis, sent["id"])
    assert told[:3] == ["validation.passed", "decision.permit", "transfer.accepted"]
    assert told[-4:] == ["receipt.issued", "validation.passed", "verdict.issued", "artifact.released"]
    for organization in (pair.acme, pair.borealis):
        assert verify_log(organization.home, lambda _: None)["problems"] == []


def test_sending_again_what_was_delivered_sends_no_chunk_again(pair: Handoff) -> None:
    root = packed(pair, "again", size=1 << 20)
    first = pair.acme.ask("transfer.send", order(pair, root))

    second = pair.acme.ask("transfer.send", order(pair, root))

    assert second["id"] != first["id"]
    assert second["state"] == "completed"
    assert "transfer.started" not in events(pair.acme, second["id"])


def test_a_purpose_nobody_agreed_on_is_denied_with_condition_and_remedy(pair: Handoff) -> None:
    root = packed(pair, "purpose", size=1 << 20)

    sent = pair.acme.ask("transfer.send", order(pair, root, purpose="marketing"))

    reasons = {each["policy"]: each for each in sent["reasons"]}
    assert sent["state"] == "denied"
    assert "marketing" in reasons["deny-purpose"]["condition"]
    assert reasons["deny-purpose"]["remedy"]
    assert "transfer.offered" not in events(pair.acme, sent["id"])


def test_a_confidential_artifact_waits_for_a_second_person(pair: Handoff) -> None:
    root = packed(pair, "secret", size=1 << 20, sensitivity="confidential")
    waiting = pair.acme.ask("transfer.send", order(pair, root))
    approval = {"transfer": waiting["id"], "reason": "reviewed"}

    own = pair.acme.ask("approval.grant", approval)
    pair.acme.ask("approval.grant", approval, who="abe")
    sent = pair.acme.ask("transfer.send", order(pair, root))

    assert waiting["state"] == "awaiting-approval"
    assert "denied" in own
    assert (sent["id"], sent["state"]) == (waiting["id"], "completed")
    assert "approval.granted" in events(pair.acme, sent["id"])


def test_a_refused_transfer_never_goes(pair: Handoff) -> None:
    root = packed(pair, "refused", size=1 << 20, sensitivity="confidential")
    waiting = pair.acme.ask("transfer.send", order(pair, root))

    pair.acme.ask("approval.refuse", {"transfer": waiting["id"], "reason": "not now"}, who="abe")

    listed = pair.acme.ask("transfer.list", {})["transfers"]
    assert [each["state"] for each in listed if each["id"] == waiting["id"]] == ["denied"]


def test_a_folder_that_changed_since_it_was_packed_is_not_sent(pair: Handoff) -> None:
    root = packed(pair, "changed", size=1 << 20)
    (pair.folder / "changed" / "config.json").write_text("{}", encoding="utf-8")

    sent = pair.acme.ask("transfer.send", order(pair, root))

    assert sent["state"] == "denied"
    assert "deny-failed-preflight" in {each["policy"] for each in sent["reasons"]}


def test_a_file_that_changes_while_it_is_sent_ends_the_transfer(pair: Handoff) -> None:
    root = packed(pair, "changing")
    weights = pair.folder / "changing" / "model.safetensors"

    def spoil(report: Any) -> None:
        if report.get("chunks_done", 0) >= 1:
            with weights.open("r+b") as file:
                file.seek(SIZE - 100)
                file.write(b"spoiled")

    with pytest.raises(SourceChanged):
        pair.acme.ask("transfer.send", order(pair, root, rate_limit=SLOW), progress=spoil)

    [failed] = [each for each in pair.acme.ask("transfer.list", {})["transfers"] if each["artifact"] == "changing:1"]
    assert failed["state"] == "failed"


def test_a_sender_killed_in_the_middle_goes_on_where_it_stopped(pair: Handoff) -> None:
    root = packed(pair, "killed")

    def kill(report: Any) -> None:
        if report.get("chunks_done", 0) >= 3:
            pair.acme.kill()

    with pytest.raises(Interrupted):
        pair.acme.ask("transfer.send", order(pair, root, rate_limit=SLOW), progress=kill)
    pair.acme.start()
    sent = pair.acme.ask("transfer.send", order(pair, root))

    assert sent["state"] == "completed"
    assert "transfer.resumed" in events(pair.acme, sent["id"])
    assert verify_log(pair.acme.home, lambda _: None)["problems"] == []


def test_a_chunk_damaged_in_the_store_keeps_the_artifact_in_quarantine(pair: Handoff) -> None:
    root = packed(pair, "damaged")
    damaged: list[Path] = []

    def damage(report: Any) -> None:
        if report.get("chunks_done", 0) >= 4 and not damaged:
            store = pair.borealis.home / "state" / "store"
            newest = max(store.glob("*/blobs/*"), key=lambda path: path.stat().st_mtime)
            with newest.open("r+b") as file:
                file.seek(newest.stat().st_size // 2)
                file.write(b"damage")
            damaged.append(newest)

    sent = pair.acme.ask("transfer.send", order(pair, root, rate_limit=SLOW), progress=damage)

    wish = {"ref": "damaged:1", "folder": str(pair.folder / "out"), "purpose": "evaluation"}
    taken = pair.borealis.ask("artifact.export", wish)
    assert (sent["state"], sent["verdict"]) == ("quarantined", "quarantined")
    assert "deny-quarantined" in taken["denied"]["because"]
    assert not (pair.folder / "out").exists()


def test_ctrl_c_breaks_off_and_the_next_send_goes_on(pair: Handoff) -> None:
    root = packed(pair, "broken-off")
    wish = ["--artifact", root, "--to", "borealis.example", "--agreement", pair.agreement, "--purpose", "evaluation"]
    command = lading(pair.acme, "--as", "ada", "send", *wish, "--rate-limit", "1")
    # In the background of a shell Ctrl-C is ignored, and by every program that the tests would start there, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)

    wait_for(lambda: standing(pair, "broken-off:1") == "sending")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, b"run the same command again" in said) == (130, True), said
    wait_for(lambda: standing(pair, "broken-off:1") == "interrupted")
    sent = pair.acme.ask("transfer.send", order(pair, root))

    assert sent["state"] == "completed"
    assert events(pair.acme, sent["id"]).count("transfer.paused") == 1


def test_damaged_bytes_on_the_way_are_refused_and_recorded(pair: Handoff) -> None:
    root = packed(pair, "altered")
    layout = Layout(pair.acme.home)
    trust, settings = TrustFolder(layout.trust), load_settings(layout.settings)
    insider = Dialing(layout, settings, trust, system_clock)
    known = trust.partner("borealis.example")
    sent: list[int] = []

    def alter(report: Any) -> None:
        if report.get("chunks_done", 0) < 1 or sent:
            return
        context = client_context(insider.leaf(), known.gateway_ca)
        line = Line(
            Partner(known.organization, known.gateway_url, known.gateway_ca, lambda: context, system_clock, print)
        )
        last, size = chunks_of(pair.acme, root)[-1]
        path = f"/v1/transfers/{report['transfer']}/chunks/{last}"
        sent.append(line.ask("PUT", path, bytes(size)).status)
        line.hang_up()

    done = pair.acme.ask("transfer.send", order(pair, root, rate_limit=SLOW), progress=alter)

    assert (sent, done["state"]) == ([422], "completed")
    wait_for(lambda: "chunk.refused" in events(pair.borealis, done["id"]))


def test_a_stranger_at_the_door_is_recorded(pair: Handoff) -> None:
    known = TrustFolder(Layout(pair.acme.home).trust).partner("borealis.example")
    leaf = GatewayCA.create("acme.example", system_clock).issue_leaf(gateway_id("acme.example"), timedelta(minutes=5))
    context = client_context(leaf, known.gateway_ca)
    line = Line(Partner(known.organization, known.gateway_url, known.gateway_ca, lambda: context, system_clock, print))

    for _ in range(5):
        with pytest.raises(UntrustedPeer):
            line.ask("GET", "/v1/trust")

    wait_for(lambda: refused_at(pair.borealis) != [])
    pair.borealis.stop()
    told = refused_at(pair.borealis)
    assert {(each["cause"], each["why"]) for each in told} == {
        ("not-verified", "unable to get local issuer certificate")
    }
    assert sum(each["count"] for each in told) == 5


def refused_at(organization: Organization) -> list[Any]:
    """Return what the log says of connections that were refused."""
    found: Any = ask_log(organization.home, Question(text="type:trust.refused", limit=200))["entries"]
    return [show_entry(organization.home, entry["index"])["payload"] for entry in found]


def test_a_second_gateway_of_one_workspace_is_refused(pair: Handoff) -> None:
    done = subprocess.run(lading(pair.acme, "gateway"), capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "owns the workspace" in done.stderr
    assert "remedy" in done.stderr


def test_a_port_in_use_is_named(pair: Handoff, tmp_path: Path) -> None:
    taken = json.loads(
        subprocess.run(lading(pair.acme, "trust", "show", "--json"), capture_output=True, check=True).stdout
    )["url"].removeprefix("https://")
    home = tmp_path / "third"
    init = ["init", str(home), "--org", "third.example", "--name", "Third", "--region", "EU", "--admin", "cy"]
    subprocess.run(lading(pair.acme, *init, "--listen", taken), check=True, capture_output=True)

    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "-C", str(home), "gateway"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert f"cannot listen on {taken}" in done.stderr


def test_an_unknown_partner_is_refused_before_anything_happens(pair: Handoff) -> None:
    root = packed(pair, "unknown", size=1 << 20)

    with pytest.raises(LadingError, match="not a confirmed partner"):
        pair.acme.ask("transfer.send", order(pair, root, partner="cygnus.example"))


def test_a_log_is_held_against_what_a_partner_saw_over_the_line(pair: Handoff) -> None:
    command = lading(pair.acme, "audit", "verify", "--against", "partner", "--json")

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    [found] = json.loads(done.stdout)["partners"]
    # "agrees" where the partner's round cosigned the newest entry in between
    assert (done.returncode, found["verdict"] in {"agrees", "extends"}) == (0, True), done.stdout
    pair.borealis.stop()
    alone = subprocess.run(command, check=False, capture_output=True, text=True)
    pair.borealis.start()
    [found] = json.loads(alone.stdout)["partners"]
    assert (alone.returncode, found["verdict"]) == (6, "unreachable"), alone.stdout


def test_both_gateways_go_on_after_the_key_of_a_log_was_rotated(pair: Handoff) -> None:
    before = pair.acme.ask("transfer.send", order(pair, packed(pair, "before-rotation", size=1 << 20)))
    rotation = lading(
        pair.acme, "--as", "sec", "audit", "rotate-key", "--reason", "a test", "--open-transfers", "--json"
    )
    busy = subprocess.run(rotation, check=False, capture_output=True, text=True)
    assert "Stop the gateway" in busy.stdout
    pair.acme.stop()

    done = json.loads(subprocess.run(rotation, check=True, capture_output=True, text=True).stdout)

    assert (done["cosigned_by"], done["origin"]) == (["borealis.example"], "acme.example/lading/audit/1")
    pair.acme.start()
    pair.make_partners()
    after = pair.acme.ask("transfer.send", order(pair, packed(pair, "after-rotation", size=1 << 20)))
    for transfer in (before["id"], after["id"]):
        assert after["state"] == "completed"
        file = pair.folder / f"{transfer}.bill"
        file.write_text(pair.acme.ask("bill.create", {"transfer": transfer, "renew": True})["bill"])
        trust = str(pair.borealis.home / "trust")
        read = subprocess.run(lading(pair.borealis, "bill", "verify", str(file), "--trust", trust), check=False)
        assert read.returncode == 0
    assert subprocess.run(lading(pair.acme, "audit", "verify"), check=False).returncode == 0


def test_a_gateway_told_to_stop_leaves_no_process(pair: Handoff) -> None:
    gateway = pair.borealis.gateway
    assert gateway is not None

    pair.borealis.stop()

    assert gateway.returncode == 0
    assert pair.borealis.gateway is None


def standing(pair: Handoff, artifact: str) -> str:
    listed = pair.acme.ask("transfer.list", {})["transfers"]
    return next((each["state"] for each in listed if each["artifact"] == artifact), "")


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
