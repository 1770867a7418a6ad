"""Witness policies: which cosignatures make a checkpoint count as witnessed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.checkpoint import Checkpoint, open_checkpoint
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.audit.quorum import LIMIT, default_policy, parse_policy
from engine.errors import InputError

NAMES = ("x1", "x2", "x3", "y1", "y2", "y3")
LOG = NoteSigner("acme.example/lading/audit/0", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
SIGNERS = {
    name: NoteSigner(f"{name}.example", Ed25519PrivateKey.from_private_bytes(name.encode() * 16), Algorithm.COSIGNATURE)
    for name in NAMES
}
LINES = [f"witness {name} {SIGNERS[name].key.vkey}" for name in NAMES]
TWO_LEVELS = "\n".join(
    [
        "# two organizations",
        f"log {LOG.key.vkey} https://acme.example",
        *LINES[:3],
        "\tgroup X 2 x1 x2 x3 ",
        "",
        *LINES[3:],
        "group Y any y1 y2 y3",
        "group X-and-Y all X Y",
        "quorum X-and-Y",
        "",
    ]
).encode()


def keys(*names: str) -> list[NoteKey]:
    return [SIGNERS[name].key for name in names]


@pytest.mark.parametrize(
    ("cosigners", "holds"),
    [
        (("x1", "x2", "y1"), True),
        (("x1", "x3", "y2", "y3"), True),
        (("x1", "y1", "y2", "y3"), False),
        (("x1", "x2", "x3"), False),
        ((), False),
    ],
)
def test_a_quorum_of_two_levels(cosigners: tuple[str, ...], *, holds: bool) -> None:
    assert parse_policy(TWO_LEVELS).holds(keys(*cosigners)) is holds


def test_the_witnesses_that_nobody_can_replace_are_named() -> None:
    text = "\n".join([*LINES[:3], "group two any x2 x3", "group all all x1 two", "quorum all", ""])

    assert parse_policy(text.encode()).needed() == ("x1",)


def test_a_checkpoint_counts_if_its_log_is_listed_and_its_quorum_holds() -> None:
    text = Checkpoint(LOG.key.name, 3, bytes(32)).text()
    note = text + b"\n" + LOG.sign(text) + b"".join(SIGNERS[name].cosign(text, 1) for name in ("x1", "x2", "y3"))
    signed = open_checkpoint(note, [LOG.key, *keys(*NAMES)])
    other = NoteSigner("eve.example/lading/audit/0", Ed25519PrivateKey.from_private_bytes(b"e" * 32)).key.vkey

    assert parse_policy(TWO_LEVELS).accepts(signed)
    assert not parse_policy(TWO_LEVELS.replace(LOG.key.vkey.encode(), other.encode())).accepts(signed)


def test_a_log_key_of_the_same_bytes_does_not_cosign() -> None:
    plain = NoteSigner("x1.example", Ed25519PrivateKey.from_private_bytes(b"x1" * 16)).key
    policy = parse_policy((LINES[0] + "\nquorum x1\n").encode())

    assert not policy.holds([plain])
    assert policy.holds(keys("x1"))


def test_whoever_wrote_no_policy_wants_any_third_party() -> None:
    policy = default_policy({"archive": SIGNERS["x1"].key, "notary": SIGNERS["x2"].key})

    assert policy.holds(keys("x2"))
    assert not policy.holds([])
    assert not default_policy({}).required


def test_octets_above_ascii_are_opaque_names() -> None:
    text = f"witness \u00c5 {SIGNERS['x1'].key.vkey}\nquorum \u00c5\n"

    assert parse_policy(text.encode()).holds(keys("x1"))
    with pytest.raises(InputError, match="line 2"):
        parse_policy(text.replace("quorum \u00c5", "quorum \u212b").encode())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no quorum line"),
        ([LINES[0]], "no quorum line"),
        (["quorum nobody"], "line 1 .*not defined on a line above"),
        (["quorum x1", LINES[0]], "line 1 "),
        (["quorum none", "quorum none"], "line 2 .*quorum line before"),
        (["group none any x1"], "means nobody"),
        ([LINES[0], LINES[0]], "line 2 .*defined before"),
        ([LINES[0], LINES[0].replace("x1 ", "z ", 1)], "line 2 .*the key of 'z' is that of 'x1'"),
        ([f"witness log {LOG.key.vkey}"], "line 1 .*not one of a witness"),
        ([f"log {SIGNERS['x1'].key.vkey}"], "line 1 .*not one of a log"),
        ([f"log {LOG.key.vkey}", f"log {LOG.key.vkey}"], "line 2 .*listed before"),
        ([LINES[0], "group g any"], "line 2 .*expected"),
        ([LINES[0], "group g any g"], "line 2 .*not defined"),
        ([LINES[0], "group g any none"], "line 2 .*not defined"),
        ([LINES[0], "group g 2 x1"], "line 2 .*from 1 to 1"),
        ([LINES[0], "group g 0 x1"], "line 2 .*threshold"),
        ([LINES[0], "group g 01 x1"], "line 2 .*threshold"),
        ([LINES[0], "group g any x1 x1"], "line 2 .*a member before"),
        ([LINES[0], "group g any x1", "group h any x1"], "line 3 .*a member before"),
        ([f"{LINES[0]} https://a b"], "line 1 .*expected"),
        (["Quorum none"], "line 1 .*expected"),
        (["quorum none\r"], "line 1 .*control"),
        (["quorum\u00a0none"], "line 1 .*expected"),
        (["# \x1b[2J", "quorum none"], "line 1 .*control"),
        (["witness x not-a-key"], "line 1 "),
        (["witness x \xff+00000000+AAAA"], "line 1 "),
    ],
)
def test_a_broken_line_is_named_by_its_number(lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_policy("".join(f"{line}\n" for line in lines).encode("latin-1"))


def test_a_policy_that_was_cut_short_or_is_huge_is_refused() -> None:
    with pytest.raises(InputError, match="cut short"):
        parse_policy(b"quorum none")
    with pytest.raises(InputError, match="bytes"):
        parse_policy(b"#" * LIMIT + b"\n")


@given(st.binary(max_size=300))
def test_no_bytes_but_a_policy_are_taken_for_one(data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        parse_policy(data)

    assert str(refused.value).isprintable()


@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES))
def test_one_more_cosignature_never_breaks_a_quorum(cosigners: set[str], another: str) -> None:
    policy = parse_policy(TWO_LEVELS)

    assert policy.holds(keys(*cosigners)) <= policy.holds(keys(*cosigners, another))
