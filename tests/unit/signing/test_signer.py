"""Signing needs a fresh token and services that answer; everything else is refused in clear words."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from engine.errors import BadSignature, InputError, LadingError, SignatureError, UsageError
from engine.events import system_clock
from engine.signing import MANIFEST_REFERENCE, MODEL_SIGNATURE, model_statement
from engine.signing.sandbox import Sandbox
from engine.signing.sandbox.server import LoopbackServer, Route
from engine.signing.signer import Signer, _is_loopback
from tests.unit.signing.conftest import ADA, STATEMENT, Party


def test_several_threads_sign_at_once(acme: Party) -> None:
    signer, token = acme.sandbox.signer(), acme.sandbox.mint(ADA)

    with ThreadPoolExecutor(8) as pool:
        bundles = list(pool.map(lambda _: signer.sign(STATEMENT, token), range(16)))

    signed = [acme.trust().verify(bundle, predicate_type=MANIFEST_REFERENCE) for bundle in bundles]
    assert len({one.log_index for one in signed}) == 16


def test_the_payload_is_signed_byte_for_byte(acme: Party) -> None:
    spaced = json.dumps(json.loads(STATEMENT), indent=3).encode()

    bundle = acme.sign(statement=spaced)

    assert acme.trust().verify(bundle, predicate_type=MANIFEST_REFERENCE).payload == spaced


def test_a_model_of_twenty_thousand_files_can_be_signed(acme: Party) -> None:
    payload = model_statement("big", [(f"part/{number:06}.bin", "a" * 64) for number in range(20_000)])
    bundle = acme.sign(statement=payload)
    trust = acme.trust(ADA, MODEL_SIGNATURE)

    assert trust.verify(bundle, predicate_type=MODEL_SIGNATURE, limit=64 << 20).payload == payload
    with pytest.raises(BadSignature, match="at most"):
        trust.verify(bundle[:-1] + b" " * (5 << 20) + b"}", predicate_type=MODEL_SIGNATURE)


@pytest.mark.parametrize("token", ["", "no.token.atall", "ä"])
def test_what_is_no_token_signs_nothing(acme: Party, token: str) -> None:
    with pytest.raises(SignatureError, match="nothing was signed: Identity token is malformed"):
        acme.sandbox.signer().sign(STATEMENT, token)


def test_a_token_of_another_organization_is_refused_by_the_authority_in_its_own_words(
    acme: Party, borealis: Party
) -> None:
    with pytest.raises(SignatureError, match=r"signingCert answered 400: .*not one of https://oidc\.acme\.example"):
        acme.sandbox.signer().sign(STATEMENT, borealis.sandbox.mint("bo@borealis.example"))


@pytest.mark.parametrize("payload", [b"", b"{}", b"not a statement"])
def test_only_statements_are_signed(acme: Party, payload: bytes) -> None:
    with pytest.raises(SignatureError, match="nothing was signed"):
        acme.sign(statement=payload)


def test_proxy_settings_do_not_apply_to_loopback(acme: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert acme.sign()


def test_a_sandbox_that_is_not_running_signs_nothing(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "keys", tmp_path / "state", "idle.example", system_clock)

    with pytest.raises(UsageError, match="not running"):
        sandbox.signer()


def test_a_signer_needs_a_trust_configuration() -> None:
    with pytest.raises(InputError, match="signing configuration cannot be read"):
        Signer("{}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/tsa", True),
        ("http://[::1]:8080", True),
        ("https://fulcio.acme.example", False),
        ("http://127.0.0.1.evil.example", False),
    ],
)
def test_proxies_apply_to_everything_but_loopback(url: str, *, expected: bool) -> None:
    assert _is_loopback(url) is expected


def test_services_that_went_away_are_a_signature_error(acme: Party) -> None:
    config = json.loads(acme.sandbox.trust_config())
    for key in ("caUrls", "rekorTlogUrls", "tsaUrls"):
        config["signingConfig"][key][0]["url"] = "http://127.0.0.1:9"

    with pytest.raises(SignatureError, match="nothing was signed"):
        Signer(json.dumps(config)).sign(STATEMENT, acme.sandbox.mint(ADA))


@pytest.fixture
def real_routes(acme: Party) -> Mapping[str, Route]:
    server: LoopbackServer = acme.sandbox._server
    return server._routes


def refusing(_: str, __: bytes) -> bytes:
    raise LadingError("the clock is broken", remedy="Wind it up.")


def babbling(_: str, __: bytes) -> bytes:
    return b'{"hello": "world"}'


SignWith = Callable[[str, Callable[[str, bytes], bytes]], bytes]


@pytest.fixture
def sign_with(acme: Party, real_routes: Mapping[str, Route]) -> Iterator[SignWith]:
    """Return a way to sign with one service replaced."""
    with ExitStack() as servers:

        def sign(path: str, answer: Callable[[str, bytes], bytes]) -> bytes:
            route = Route(1 << 20, "application/json", answer, HTTPStatus.OK)
            server = servers.enter_context(LoopbackServer({**real_routes, path: route}))
            config = acme.sandbox.signer()._trust_config.replace(acme.sandbox._server.url, server.url)
            return Signer(config).sign(STATEMENT, acme.sandbox.mint(ADA))

        yield sign


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/rekor/api/v1/log/entries", "/tsa"])
def test_what_a_service_says_is_passed_on(sign_with: SignWith, path: str) -> None:
    with pytest.raises(SignatureError, match=r"answered 400: the clock is broken\. Wind it up"):
        sign_with(path, refusing)


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/rekor/api/v1/log/entries"])
def test_a_service_that_answers_nonsense_signs_nothing(sign_with: SignWith, path: str) -> None:
    with pytest.raises(SignatureError, match="nothing was signed"):
        sign_with(path, babbling)


def test_a_bundle_without_a_timestamp_is_never_handed_out(sign_with: SignWith) -> None:
    """To the library, a timestamp authority that answers nonsense is a mere warning."""
    with pytest.raises(BadSignature, match="RFC 3161"):
        sign_with("/tsa", babbling)


def test_importing_the_room_imports_no_sigstore() -> None:
    code = (
        "import sys, engine.signing, engine.signing.sandbox, engine.signing.trust_folder\n"
        "print([name for name in ('sigstore', 'sigstore_models', 'requests') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


def test_no_thread_of_the_sandbox_outlives_it(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "keys", tmp_path / "state", "brief.example", system_clock) as sandbox:
        serving = sandbox._server._thread

    assert not serving.is_alive()
    assert serving not in threading.enumerate()
