"""A log held against what a witness saw of it: real witnesses agree, disagree or forget; others may answer anything."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.against_witness import COSIGNED, DISAGREEING, Comparison, Verdict, compare_with_witness
from engine.audit.checkpoint import Checkpoint, read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import NoteSigner, open_note
from tests.unit.audit.conftest import Acme, Borealis

Answer = tuple[int, bytes]


@pytest.fixture
def log(acme: Acme) -> Iterator[AuditLog]:
    with acme.open() as log:
        log.record_many(acme.events(5))
        yield log


def compare(borealis: Borealis, log: AuditLog, note: bytes | None = None) -> Comparison:
    def ask(body: bytes) -> Answer:
        said = borealis.witness().add_checkpoint(body)
        return said.status, said.body

    held = log.cosigned_checkpoint(borealis.key.name)
    size = read_checkpoint(held).size if held else 0
    return compare_with_witness(ask, log.prove_consistency, note or log.checkpoint(), size)


def scripted(*answers: Answer, size: int = 5) -> Comparison:
    """Compare a log of so many entries with a witness that gives these answers in turn, the last one for ever."""
    text = Checkpoint("acme.example/lading/audit/0", size, bytes(32)).text()
    remaining = list(answers)
    return compare_with_witness(
        lambda _: remaining.pop(0) if len(remaining) > 1 else remaining[0],
        lambda old, new: [bytes(32)] * (0 < old < new),
        text + "\n— acme.example/lading/audit/0 AAAA\n".encode(),
        held=3,
    )


def test_a_witness_that_saw_exactly_this_cosigns_it_again_and_nothing_changes(
    borealis: Borealis, log: AuditLog
) -> None:
    note = borealis.cosign(log)

    found = compare(borealis, log)

    assert (found.verdict, found.size, found.seen) == (Verdict.AGREES, 5, 5)
    assert open_note(log.checkpoint().split(b"\n\n")[0] + b"\n\n" + found.answer, [borealis.key]).signatures
    assert borealis.witness().last(log.key.name) == read_checkpoint(note)


@pytest.mark.parametrize("known", [0, 2, 4])
def test_a_witness_that_saw_less_is_shown_that_the_log_only_grew(
    acme: Acme, borealis: Borealis, log: AuditLog, known: int
) -> None:
    if known:
        borealis.cosign(log)
        log.record_many(acme.events(known, start=5))

    found = compare(borealis, log)

    assert (found.verdict, found.seen) == (Verdict.EXTENDS, 5 if known else 0)
    assert borealis.witness().last(log.key.name) == read_checkpoint(log.checkpoint())


def test_a_witness_that_saw_more_says_so_and_cosigns_nothing(acme: Acme, borealis: Borealis, log: AuditLog) -> None:
    older = log.checkpoint()
    log.record(acme.event(5))
    newest = read_checkpoint(borealis.cosign(log))

    found = compare(borealis, log, older)

    assert (found.verdict, found.size, found.seen) == (Verdict.SET_BACK, 5, 6)
    assert borealis.witness().last(log.key.name) == newest


@pytest.mark.parametrize("size", [5, 9])
def test_a_witness_that_saw_another_history_refuses_this_one(
    acme: Acme, borealis: Borealis, log: AuditLog, size: int
) -> None:
    seen = read_checkpoint(borealis.cosign(log))
    log.record_many(acme.events(4, start=5))
    text = Checkpoint(acme.origin, size, b"\x66" * 32).text()

    found = compare(borealis, log, text + b"\n" + NoteSigner(acme.origin, acme.private).sign(text))

    assert (found.verdict, found.seen) == (Verdict.FORKED, 5)
    assert borealis.witness().last(log.key.name) == seen


def test_a_witness_that_lost_its_memory_cosigns_and_is_found_out(borealis: Borealis, log: AuditLog) -> None:
    borealis.cosign(log)
    borealis.folder.joinpath("witness.json").unlink()

    found = compare(borealis, log)

    assert (found.verdict, found.seen) == (Verdict.FORGOT, 0)


def test_a_witness_that_refuses_from_the_size_it_names_remembers_something_else() -> None:
    found = scripted((409, b"2\n"))

    assert (found.verdict, found.seen) == (Verdict.CONTRADICTED, 2)


def test_a_witness_that_was_asked_by_others_meanwhile_is_asked_from_where_it_is() -> None:
    found = scripted((409, b"3\n"), (409, b"4\n"), (200, b"line"))

    assert (found.verdict, found.seen) == (Verdict.EXTENDS, 3)


@pytest.mark.parametrize(
    "answers",
    [
        [(409, b"")],
        [(409, b"-1\n")],
        [(409, b"05\n")],
        [(409, b"\xd9\xa4\n")],  # an Arabic-Indic digit
        [(409, b"4 5\n")],
        [(409, b"%d\n" % 2**63)],
        [(409, b"9" * 60_000)],
        [(409, b"4\n"), (409, b"3\n"), (409, b"2\n")],
        [(409, b"4\n"), (409, b"\xff" * 60_000)],
        [(409, b"4\n"), (404, b"who are you\n")],
        [(422, b"5\n")],
        [(400, b"")],
        [(403, b"5\n")],
        [(404, b"5\n")],
        [(500, b"5\n")],
        [(302, b"5\n")],
    ],
)
def test_an_answer_that_says_nothing_is_neither_agreement_nor_disagreement(answers: list[Answer]) -> None:
    assert scripted(*answers).verdict is Verdict.UNCLEAR


def test_the_largest_size_of_a_log_still_counts() -> None:
    assert scripted((409, b"%d\n" % (2**63 - 1))).verdict is Verdict.SET_BACK


BODIES: st.SearchStrategy[bytes] = st.one_of(st.binary(max_size=64), st.integers(0, 2**66).map(lambda n: b"%d\n" % n))
STATUSES = st.sampled_from([200, 400, 403, 404, 409, 409, 409, 422, 500])


@given(st.lists(st.tuples(STATUSES, BODIES), min_size=1, max_size=4))
def test_whatever_a_witness_answers_only_a_cosignature_agrees(answers: list[Answer]) -> None:
    asked: list[Answer] = []

    def ask(_: bytes) -> Answer:
        asked.append(answers[min(len(asked), len(answers) - 1)])
        return asked[-1]

    text = Checkpoint("acme.example/lading/audit/0", 5, bytes(32)).text()
    prove: Callable[[int, int], list[bytes]] = lambda old, new: [bytes(32)] * (new - old)  # noqa: E731
    found = compare_with_witness(ask, prove, text + "\n— a AAAA\n".encode(), held=3)

    assert len(asked) <= 3
    assert (found.verdict in COSIGNED) == (asked[-1][0] == 200)
    assert found.verdict not in DISAGREEING or asked[-1][0] in {409, 422}
    assert found.answer == asked[-1][1]
    assert found.seen is None or 0 <= found.seen < 2**63
