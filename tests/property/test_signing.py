"""What must hold for every tree, every flipped bit and every list of identities."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import LogId
from sigstore_models.rekor import v1 as rekor_v1

from engine.errors import BadSignature
from engine.events import system_clock
from engine.signing import (
    MANIFEST_REFERENCE,
    AllowedIdentity,
    OrganizationTrust,
    Signed,
    dump_identities,
    load_identities,
    manifest_statement,
)
from engine.signing.sandbox import Sandbox
from engine.signing.sandbox.merkle import Tree

LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@given(LEAVES, st.data())
def test_every_inclusion_proof_satisfies_sigstores_verifier(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    index = data.draw(st.integers(0, len(leaves) - 1))

    verify_merkle_inclusion(_entry(tree, leaves, index))


@given(LEAVES, st.binary(max_size=8))
def test_the_root_with_one_more_leaf_is_the_root_after_it(leaves: list[bytes], leaf: bytes) -> None:
    tree = Tree()
    for one in leaves:
        tree.append(one)

    foretold = tree.root_with(leaf)
    tree.append(leaf)

    assert tree.root() == foretold


def _entry(tree: Tree, leaves: list[bytes], index: int) -> TransparencyLogEntry:
    encode = base64.b64encode
    proof = rekor_v1.InclusionProof(
        log_index=str(index),  # type: ignore[arg-type]
        root_hash=encode(tree.root()),
        tree_size=str(len(leaves)),  # type: ignore[arg-type]
        hashes=[encode(node) for node in tree.inclusion_proof(index)],
        checkpoint=rekor_v1.Checkpoint(envelope=""),
    )
    return TransparencyLogEntry(
        rekor_v1.TransparencyLogEntry(
            log_index=str(index),  # type: ignore[arg-type]
            log_id=LogId(key_id=encode(b"id")),
            kind_version=rekor_v1.KindVersion(kind="dsse", version="0.0.1"),
            inclusion_proof=proof,
            canonicalized_body=encode(leaves[index]),
        )
    )


@dataclass(frozen=True)
class Evidence:
    """A bundle, whose trust it verifies under, and what it proves."""

    bundle: bytes
    trust: OrganizationTrust
    signed: Signed


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    folder: Path = tmp_path_factory.mktemp("acme")
    with Sandbox(folder / "keys", folder / "state", "acme.example", system_clock) as sandbox:
        statement = manifest_statement("sentiment", "a" * 64, "b" * 64)
        bundle = sandbox.signer().sign(statement, sandbox.mint("ada@acme.example"))
        allowed = AllowedIdentity("ada@acme.example", sandbox.issuer, (MANIFEST_REFERENCE,))
        trust = OrganizationTrust("acme.example", sandbox.trust_config(), (allowed,))
        yield Evidence(bundle, trust, trust.verify(bundle, predicate_type=MANIFEST_REFERENCE))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_changes_what_a_bundle_proves(evidence: Evidence, position: int, bit: int) -> None:
    """Refused, or (in those bytes of a timestamp token that CMS leaves unsigned) of the very same meaning."""
    flipped = bytearray(evidence.bundle)
    flipped[position % len(flipped)] ^= 1 << bit

    try:
        signed = evidence.trust.verify(bytes(flipped), predicate_type=MANIFEST_REFERENCE)
    except BadSignature:
        return

    assert signed == evidence.signed
    assert b'"signedTimestamp":' in evidence.bundle[: position % len(flipped)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_whatever_raise_anything_but_a_bad_signature(evidence: Evidence, data: bytes) -> None:
    with pytest.raises(BadSignature):
        evidence.trust.verify(data, predicate_type=MANIFEST_REFERENCE)


PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
IDENTITIES = st.builds(
    AllowedIdentity,
    identity=st.one_of(
        PRINTABLE.filter(lambda text: "@" not in text).map(lambda text: f"{text}@acme.example"),
        PRINTABLE.map(lambda text: f"spiffe://{text}"),
    ),
    issuer=PRINTABLE.map(lambda text: f"https://{text}"),
    predicate_types=st.lists(PRINTABLE.map(lambda text: f"urn:{text}"), min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(IDENTITIES, min_size=1, max_size=3).map(tuple))
def test_identities_survive_being_written(tmp_path: Path, entries: tuple[AllowedIdentity, ...]) -> None:
    path = tmp_path / "identities.toml"
    path.write_text(dump_identities({"acme.example": entries}))

    assert load_identities(path) == {"acme.example": entries}
