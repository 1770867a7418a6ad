"""A witness that is nobody's partner: its folder, its files, its service, and what kill -9 leaves of it."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.audit.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from engine.audit.merkle import EMPTY_ROOT, Range, leaf_hash, node_hash, prove_consistency
from engine.audit.note import NoteSigner
from engine.audit.remembered import Remembered
from engine.audit.witness import add_checkpoint_body
from engine.errors import InputError, LogTampered, OwnerBusy, UsageError, WorkspaceError
from engine.events import system_clock
from engine.gateway.checkpoints import read_fork
from engine.wire.witnessing import ask_witness
from engine.workspace.log.record import verify_log
from engine.workspace.office import Office
from engine.workspace.witness.cosigning import cosign_file, request_cosignature
from engine.workspace.witness.folder import WitnessFolder
from engine.workspace.witness.forks import check_file
from engine.workspace.witness.found import MOST_FORKS
from engine.workspace.witness.witnessing import witness_report
from tests.integration.serving import serving
from tests.unit.workspace.conftest import ask

LOG = NoteSigner("acme.example/lading/audit/0", Ed25519PrivateKey.from_private_bytes(b"l" * 32))


def note(size: int, root: bytes) -> bytes:
    text = Checkpoint(LOG.key.name, size, root).text()
    return text + b"\n" + LOG.sign(text)


def leaf(number: int) -> bytes:
    return leaf_hash(b"%d" % number)


@pytest.fixture
def archive(tmp_path: Path) -> WitnessFolder:
    folder = WitnessFolder.create(tmp_path / "archive", "witness.example/w1")
    folder.add_log(LOG.key.vkey)
    return folder


def test_a_witness_keeps_its_key_to_itself(archive: WitnessFolder) -> None:
    assert (archive.home / "keys" / "witness.pem").stat().st_mode & 0o777 == 0o600
    assert archive.key.name == "witness.example/w1"
    with pytest.raises(UsageError, match="holds a witness already"):
        WitnessFolder.create(archive.home, "witness.example/w2")


@pytest.mark.parametrize("name", ["", "Witness", "a b", "x+y", "../up\n", "w" * 201])
def test_a_name_that_no_cosignature_could_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        WitnessFolder.create(tmp_path / "w", name)


def test_one_origin_has_one_key(archive: WitnessFolder) -> None:
    other = NoteSigner(LOG.key.name, Ed25519PrivateKey.from_private_bytes(b"o" * 32)).key.vkey

    assert archive.add_log(LOG.key.vkey) == (LOG.key, False)
    with pytest.raises(InputError, match="another key is pinned"):
        archive.add_log(other)
    with pytest.raises(InputError, match="key of a witness"):
        archive.add_log(archive.key.vkey)


@pytest.mark.parametrize("text", ["", "name = 3", 'name = "x"\nlogs = ["junk"]', "\0", 'name="x"\nlogs=[]\nmore=1'])
def test_a_damaged_configuration_is_named(archive: WitnessFolder, text: str) -> None:
    (archive.home / "witness.toml").write_text(text)

    with pytest.raises(WorkspaceError, match=r"witness\.toml"):
        archive.logs()


def test_two_processes_cannot_cosign_with_one_witness(archive: WitnessFolder) -> None:
    with archive.cosigning(), pytest.raises(OwnerBusy, match="another process cosigns"), archive.cosigning():
        pass


def test_a_cosignature_travels_by_files(archive: WitnessFolder, office: Office, tmp_path: Path) -> None:
    home = office.layout.home
    archive.home.joinpath("witness.toml").write_text(f'name = "witness.example/w1"\nlogs = ["{office.log.key.vkey}"]\n')
    ask(office, "witness.pin", name="archive", vkey=archive.key.vkey)
    request, cosigned = tmp_path / "request", tmp_path / "cosigned"

    request.write_text(str(request_cosignature(home, None, archive.key.name)["request"]))
    done = cosign_file(archive.home, request, cosigned)
    result = ask(office, "witness.add-cosignature", file=str(cosigned))

    assert result == {"size": done["size"], "witnesses": ["archive"]}
    report = witness_report(home, system_clock())
    (witness,) = report["witnesses"]  # type: ignore[misc]
    assert (witness["kind"], witness["size"]) == ("third party", done["size"])  # type: ignore[index, call-overload]
    assert report["policy"]["witnessed_at"] == done["size"]  # type: ignore[index, call-overload]
    assert verify_log(home, lambda _: None)["ok"]
    again = str(request_cosignature(home, None, archive.key.name)["request"])
    assert again.startswith(f"old {done['size']}\n")
    assert request_cosignature(home, None, "archive")["request"] == again
    with pytest.raises(InputError, match="no witness is called 'nosuch'") as refused:
        request_cosignature(home, None, "nosuch")
    assert "archive" in refused.value.remedy


def test_a_witness_that_was_removed_leaves_a_log_that_verifies(
    archive: WitnessFolder, office: Office, tmp_path: Path
) -> None:
    test_a_cosignature_travels_by_files(archive, office, tmp_path)

    ask(office, "witness.unpin", name="archive")

    assert verify_log(office.layout.home, lambda _: None)["ok"]
    report = witness_report(office.layout.home, system_clock())
    assert report["policy"]["required"] is False  # type: ignore[index, call-overload]


def test_a_file_that_contradicts_the_last_one_is_refused(archive: WitnessFolder, tmp_path: Path) -> None:
    request = tmp_path / "request"
    request.write_bytes(add_checkpoint_body(0, [], note(1, leaf(0))))
    cosign_file(archive.home, request, None)

    request.write_bytes(add_checkpoint_body(1, [], note(1, bytes(32))))
    with pytest.raises(InputError, match="cosigned last, 1"):
        cosign_file(archive.home, request, None)
    request.write_bytes(add_checkpoint_body(1, [bytes(32)], note(2, bytes(32))))
    with pytest.raises(LogTampered, match="only grew"):
        cosign_file(archive.home, request, None)
    assert archive.cosigned() == {LOG.key.name: 1}
    (fork,) = archive.forks()
    assert check_file(tmp_path, fork, (LOG.key.vkey,))["kind"] == "same-size"


def test_a_checkpoint_shown_again_with_other_lines_does_not_grow_the_folder(archive: WitnessFolder) -> None:
    seen = archive.home / "state" / "seen.jsonl"
    with archive.cosigning() as witness:
        archive.judge(witness, add_checkpoint_body(0, [], note(1, leaf(0))))
        before = seen.read_bytes()
        for number in range(50):
            noise = f"— unknown.example/{number} AAAAAAAA\n".encode()
            assert archive.judge(witness, add_checkpoint_body(1, [], note(1, leaf(0)) + noise)).status == HTTPStatus.OK

    assert seen.read_bytes() == before
    assert Remembered(seen).all(LOG.key.name) == (note(1, leaf(0)),)


def test_a_log_that_grows_without_end_does_not_fill_the_disk_that_all_logs_share(
    archive: WitnessFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workspace.witness.folder.MOST_SEEN", 4)
    other = NoteSigner("new.example/log", Ed25519PrivateKey.from_private_bytes(b"n" * 32))
    archive.add_log(other.key.vkey)
    contradict(archive, other, [])

    grow(archive, 19)

    seen = Remembered(archive.home / "state" / "seen.jsonl")
    sizes = [read_checkpoint(each).size for each in seen.all(LOG.key.name)]
    assert sizes == list(range(20 - len(sizes), 20))
    assert 4 <= len(sizes) < 8
    assert len(seen.all(other.key.name)) == 1
    restarted = WitnessFolder(archive.home)
    with restarted.cosigning() as witness:
        answers = [restarted.judge(witness, add_checkpoint_body(0, [], note(n, bytes(32)))) for n in (1, 18)]
    assert [(answer.status, answer.body) for answer in answers] == [(HTTPStatus.CONFLICT, b"19\n")] * 2
    (fork,) = restarted.forks()  # what was seen of one entry is gone, but nothing else is cosigned of it
    assert read_fork(fork).checkpoints[0].size == 18


def grow(archive: WitnessFolder, until: int) -> None:
    """Have a log cosigned entry by entry."""
    tree = Range()
    with archive.cosigning() as witness:
        for old in range(until):
            tree.append(leaf(old))
            proof = growth(old, old + 1) if old else []
            assert archive.judge(witness, add_checkpoint_body(old, proof, note(old + 1, tree.root()))).status == 200


def test_a_fork_is_proved_though_the_witness_ended_before_its_state_was_saved(
    archive: WitnessFolder, tmp_path: Path
) -> None:
    state = archive.home / "state" / "witness.json"
    with archive.cosigning() as witness:
        state.mkdir()
        with pytest.raises(OSError, match="directory"):
            archive.judge(witness, add_checkpoint_body(0, [], note(1, leaf(0))))
        state.rmdir()

    again = WitnessFolder(archive.home)
    with again.cosigning() as witness:
        answer = again.judge(witness, add_checkpoint_body(0, [], note(1, bytes(32))))

    assert (answer.status, answer.body) == (HTTPStatus.CONFLICT, b"0\n")
    (fork,) = again.forks()
    assert check_file(tmp_path, fork, (LOG.key.vkey,))["kind"] == "same-size"


def test_a_log_that_contradicts_itself_without_end_takes_no_other_log_s_room(archive: WitnessFolder) -> None:
    other = NoteSigner("new.example/log", Ed25519PrivateKey.from_private_bytes(b"n" * 32))
    archive.add_log(other.key.vkey)

    contradict(archive, LOG, range(MOST_FORKS + 5))
    restarted = WitnessFolder(archive.home)
    contradict(restarted, LOG, range(MOST_FORKS, MOST_FORKS + 10))
    contradict(restarted, other, range(2))

    origins = Counter(read_fork(file).checkpoints[1].origin for file in restarted.forks())
    assert origins == {LOG.key.name: MOST_FORKS, other.key.name: 2}


def test_one_fork_is_kept_once_and_what_is_no_fork_takes_no_room(archive: WitnessFolder) -> None:
    contradict(archive, LOG, [1])
    (file,) = archive.forks()
    before = file.stat().st_ino
    (archive.home / "forks" / "notes.json").write_text("{}")

    contradict(WitnessFolder(archive.home), LOG, [1] * 5 + [2])

    assert file.stat().st_ino == before
    assert len(archive.forks()) == 3


def contradict(archive: WitnessFolder, log: NoteSigner, roots: Iterable[int]) -> None:
    """Have a log show a witness one checkpoint, and then others of the same size."""
    with archive.cosigning() as witness:
        for old, root in ((0, leaf(0)), *((1, leaf_hash(b"other %d" % number)) for number in roots)):
            text = Checkpoint(log.key.name, 1, root).text()
            archive.judge(witness, add_checkpoint_body(old, [], text + b"\n" + log.sign(text)))


def test_a_log_is_witnessed_over_http_and_added_while_it_serves(archive: WitnessFolder) -> None:
    with serving(archive.home) as (_, url):
        status, line = ask_witness(url, None, add_checkpoint_body(0, [], note(1, leaf(0))))
        cosigned = open_checkpoint(note(1, leaf(0)) + line, [LOG.key, archive.key])
        assert status == 200
        assert [one.key for one in cosigned.cosigned] == [archive.key]
        assert ask_witness(url, None, add_checkpoint_body(0, [], note(1, leaf(0)))) == (409, b"1\n")
        other = NoteSigner("new.example/log", Ed25519PrivateKey.from_private_bytes(b"n" * 32))
        text = Checkpoint("new.example/log", 0, EMPTY_ROOT).text()
        body = add_checkpoint_body(0, [], text + b"\n" + other.sign(text))
        assert ask_witness(url, None, body)[0] == 404
        archive.add_log(other.key.vkey)
        assert ask_witness(url, None, body)[0] == 200
        assert (
            subprocess.run(
                [sys.executable, "-m", "engine.cli", "-C", str(archive.home), "witness", "serve"],
                check=False,
                capture_output=True,
            ).returncode
            == OwnerBusy.exit_code
        )


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\nold", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
        (
            b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
            415,
        ),
        (b"GET /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n", 405),
        (b"GET /../state/witness.json HTTP/1.1\r\nHost: w\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 400),
    ],
)
def test_hostile_requests_are_refused_and_the_service_goes_on(service: str, raw: bytes, status: int) -> None:
    host, _, port = service.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(raw)
        answer = line.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 %d " % status) or (status == 400 and answer[:12] in {b"", b"HTTP/1.0 400"})
    assert ask_witness(service, None, b"old 0\n\n")[0] == 400


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = WitnessFolder.create(tmp_path_factory.mktemp("service") / "w", "witness.example")
    folder.add_log(LOG.key.vkey)
    with serving(folder.home) as (_, url):
        yield url


def test_what_was_answered_survives_kill_9(archive: WitnessFolder) -> None:
    tree, acknowledged = Range(), 0
    for _ in range(3):
        with serving(archive.home) as (process, url):
            for _ in range(4):
                tree.append(leaf(tree.size))
                proof = growth(acknowledged, tree.size)
                body = add_checkpoint_body(acknowledged, proof, note(tree.size, tree.root()))
                assert ask_witness(url, None, body)[0] == 200
                acknowledged = tree.size
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert archive.cosigned() == {LOG.key.name: acknowledged}


def growth(old: int, new: int) -> list[bytes]:
    def subtree(height: int, number: int) -> bytes:
        if height == 0:
            return leaf(number)
        return node_hash(subtree(height - 1, 2 * number), subtree(height - 1, 2 * number + 1))

    return prove_consistency(old, new, subtree)


def test_plain_http_is_not_served_to_others(archive: WitnessFolder) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "-C", str(archive.home), "witness", "serve", "--listen", "0.0.0.0:8444"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == UsageError.exit_code
    assert "plain text" in done.stderr


def test_https_and_mutual_tls(archive: WitnessFolder, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    body = add_checkpoint_body(0, [], note(1, leaf(0)))

    with serving(archive.home, "--certificate", str(certificate), "--key", str(key)) as (_, url):
        assert url.startswith("https://")
        assert ask_witness(url, certificate.read_text(), body)[0] == 200
    mutual = ["--certificate", str(certificate), "--key", str(key), "--clients", str(certificate)]
    with serving(archive.home, *mutual) as (_, url):
        context = ssl.create_default_context(cafile=str(certificate))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            post(url, context, body)
        context.load_cert_chain(certificate, key)
        assert post(url, context, body) == 409


def post(url: str, context: ssl.SSLContext, body: bytes) -> int:
    host, _, port = url.removeprefix("https://").rpartition(":")
    with closing(http.client.HTTPSConnection(host, int(port), timeout=20, context=context)) as line:
        line.request("POST", "/add-checkpoint", body)
        return line.getresponse().status


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "witness.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "tls.pem", folder / "tls.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    private.chmod(0o600)
    return certificate, private
