"""Other people's Cedar cases, run through raw decisions: does what embeds Cedar here answer as Cedar should.

Two layouts are known, as their repositories have them:

    cedar-policy/cedar-integration-tests
        JSON files under `tests/` and `corpus-tests/` (or `corpus-tests.tar.gz`), each naming policies, entities and
        schema by their path below the checkout, and requests with the decision, the determining policies and the
        errors they must get
    cedar-policy/cedar-examples
        folders of policies, schema and entities, with requests under `ALLOW/` and `DENY/`; templates are linked as
        the file `linked` says. Where the entities do not fit the schema, the requests are asked without one, as the
        repository's own script does

Guards are left out on purpose: they deny more than Cedar does.
"""

import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cedarpy import Entities, PolicySet, Schema, validate_policies

from engine.digest import parse_json
from engine.errors import InputError
from engine.policy.guard import Raw
from engine.policy.raw import NO_DECISION, ask

CORPUS: Final = "corpus-tests.tar.gz"
MAX_CASE_BYTES: Final = 64 << 20
MAX_CORPUS_BYTES: Final = 2 << 30

_REMEDY: Final = "Name a checkout of cedar-policy/cedar-integration-tests or cedar-policy/cedar-examples."


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that came out otherwise.

    Attributes:
        file: the file of the case, below the checkout.
        case: what the case says it is about.
        expected: what it must come to.
        found: what it came to.
        of_request: False where it is about validating the policies.
    """

    file: str
    case: str
    expected: str
    found: str
    of_request: bool = True


@dataclass(frozen=True, slots=True)
class FileResult:
    """How the cases of one file, or of one example, came out.

    Attributes:
        requests: how many requests were asked.
        refused: how many of them Cedar refused to read, as it should.
        failures: what came out otherwise, validation included.
    """

    requests: int
    refused: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class _World:
    """Policies, entities and schema of one case, as Cedar holds them; None for what Cedar refuses."""

    rules: PolicySet | None
    store: Entities | None
    schema: Schema | None


def run_checkout(folder: Path, seen: Callable[[int, int], None] = lambda _done, _all: None) -> Iterator[FileResult]:
    """Run every case of a checkout, or of any folder in one of the two layouts.

    Args:
        folder: the checkout.
        seen: told how many files are done, of how many.

    Raises:
        InputError: there is no case, or a file is missing or not what it should be.
    """
    with tempfile.TemporaryDirectory(prefix="lading-corpus-") as name:
        jobs = [*_integration(folder, folder), *_corpus(folder, Path(name)), *_examples(folder)]
        if not jobs:
            raise InputError(f"{folder} has no case in a known layout", remedy=_REMEDY)
        for number, job in enumerate(jobs, 1):
            yield job()
            seen(number, len(jobs))


def _integration(folder: Path, root: Path) -> Iterator[Callable[[], FileResult]]:
    for path in sorted([*folder.glob("tests/**/*.json"), *folder.glob("corpus-tests/*.json")]):
        if not path.name.endswith(".entities.json"):
            yield lambda path=path: _run_file(root, path)  # type: ignore[misc]


def _corpus(folder: Path, place: Path) -> Iterator[Callable[[], FileResult]]:
    """Unpack the corpus, if it is a tarball only."""
    packed = folder / CORPUS
    if not packed.is_file() or (folder / "corpus-tests").is_dir():
        return
    try:
        with tarfile.open(packed) as tar:
            if sum(member.size for member in tar) > MAX_CORPUS_BYTES:
                raise InputError(f"{packed} holds more than {MAX_CORPUS_BYTES} bytes", remedy=_REMEDY)
            tar.extractall(place, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{packed} is no tarball: {error}", remedy=_REMEDY) from None
    yield from _integration(place, place)


def _examples(folder: Path) -> Iterator[Callable[[], FileResult]]:
    for allowed in sorted(folder.glob("**/ALLOW")):
        if allowed.is_dir():
            yield lambda place=allowed.parent: _run_example(folder, place)  # type: ignore[misc]


def _run_file(root: Path, path: Path) -> FileResult:
    name = path.relative_to(root).as_posix()
    test: Any = parse_json(path.read_bytes(), what=name, limit=MAX_CASE_BYTES)
    try:
        policies, entities, schema = (_inside(root, name, test[each]) for each in ("policies", "entities", "schema"))
        world = _world(policies, entities, schema)
        if world.schema is None:
            world = _World(None, None, None)
        valid = _valid(policies, world)
        failures = []
        if valid not in {None, test["shouldValidate"]}:
            failures.append(
                Failure(name, "validation", f"valid: {test['shouldValidate']}", f"valid: {valid}", of_request=False)
            )
        refused = 0
        for each in test["requests"]:
            raw = _answer(world, each, checked=each.get("validateRequest", True))
            refused += raw.answer == NO_DECISION
            if not _agrees(raw, each):
                expected = f"{each['decision']} by {sorted(each['reason'])}, errors in {sorted(each['errors'])}"
                failures.append(Failure(name, str(each.get("description", "")), expected, _told(raw)))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{name} is not a case: {type(error).__name__} {error}", remedy=_REMEDY) from None
    return FileResult(len(test["requests"]), refused, tuple(failures))


def _run_example(root: Path, place: Path) -> FileResult:
    name = place.relative_to(root).as_posix()
    policies, schema, entities = (_one(place, pattern) for pattern in ("*.cedar", "*.cedarschema", "*entities.json"))
    world = _world(policies, entities, schema)
    if world.store is None:
        world = _World(world.rules, _read(Entities.from_json_str, entities), None)
    rules = world.rules
    linked = place / "linked"
    if rules is not None and linked.is_file():
        links: Any = parse_json(linked.read_bytes(), what=f"{name}/linked", limit=MAX_CASE_BYTES)
        rules = rules.with_linked_batch(
            [{"template_id": link["template_id"], "new_id": link["link_id"], "values": link["args"]} for link in links]
        )
    failures, requests = [], 0
    for expected in ("ALLOW", "DENY"):
        for path in sorted((place / expected).glob("*.json")):
            requests += 1
            asked: Any = parse_json(path.read_bytes(), what=str(path), limit=MAX_CASE_BYTES)
            raw = _answer(_World(rules, world.store, world.schema), asked, checked=True)
            if raw.answer.upper() != expected or raw.errors:
                failures.append(Failure(name, f"{expected}/{path.name}", expected.lower(), _told(raw)))
    return FileResult(requests, 0, tuple(failures))


def _world(policies: str, entities: str, schema: str) -> _World:
    parsed = _read(Schema.from_str, schema)
    return _World(
        _read(PolicySet.from_str, policies), _read(lambda text: Entities.from_json_str(text, parsed), entities), parsed
    )


def _read(reader: Callable[[str], Any], text: str) -> Any:
    try:
        return reader(text)
    except ValueError:
        return None


def _valid(policies: str, world: _World) -> bool | None:
    """Say whether the policies fit the schema; None if there is nothing to compare."""
    if world.rules is None or world.schema is None:
        return None
    return bool(validate_policies(policies, world.schema).validation_passed)


def _answer(world: _World, case: Mapping[str, Any], *, checked: bool) -> Raw:
    if world.rules is None or world.store is None:
        return Raw(NO_DECISION, (), ("Cedar refuses the policies, the entities or the schema",))
    asked = {each: case[each] for each in ("principal", "action", "resource")} | {"context": case.get("context", {})}
    return ask(asked, world.rules, world.store, world.schema if checked else None)


def _agrees(raw: Raw, case: Mapping[str, Any]) -> bool:
    if raw.answer == NO_DECISION:
        return bool(case["decision"] == "deny")
    same = (raw.answer.lower(), set(raw.reasons)) == (case["decision"], set(case["reason"]))
    return same and set(raw.errored()) == set(case["errors"])


def _told(raw: Raw) -> str:
    errors = f", errors: {'; '.join(raw.errors)}" if raw.errors else ""
    return f"{raw.answer} by {list(raw.reasons)}{errors}"


def _inside(root: Path, name: str, path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise InputError(f"{name} names {path}, expected a file below the checkout", remedy=_REMEDY)
    return _text(root / pure)


def _one(place: Path, pattern: str) -> str:
    found = sorted(place.glob(pattern))
    if not found:
        raise InputError(f"{place} has no {pattern}", remedy=_REMEDY)
    return _text(found[0])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", remedy=_REMEDY) from None


def as_json(failure: Failure) -> dict[str, str]:
    """Return a failure as JSON values."""
    return {"file": failure.file, "case": failure.case, "expected": failure.expected, "found": failure.found}
