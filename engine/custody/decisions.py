"""The decisions of a handoff: bound to the logs they stand in, and decided again where an annex allows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.custody.annex import Annex
from engine.custody.logs import ProvedEntry, ProvedLog
from engine.custody.statements import DecisionCited
from engine.digest import JSON, sha256
from engine.errors import EvidenceError, IntegrityError, LadingError, LogTampered
from engine.events import event_id
from engine.policy.engine import PolicyEngine
from engine.policy.explain import Account as PolicyAccount
from engine.policy.model import Decision
from engine.policy.recorded import RecordedDecision
from engine.policy.workbench.replay import told
from engine.text import printable

KINDS: Final = ("decision.permit", "decision.deny", "decision.failsafe")
WITHHELD: Final = "withheld"
REPEATED: Final = "repeated"

_ID: Final = 32  # hexadecimal characters
_REMEDY: Final = "Do not rely on it; ask its issuer for another bill, and the log's owner for the record."


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTold:
    """One decision of one party about the handoff.

    Attributes:
        organization: who decided.
        index: its place in that party's log.
        time: when it was logged, by that party's clock.
        decision: `permit`, `deny` or `failsafe`.
        policy: digest of the bundle that decided.
        id: the decision's id; None where the record is withheld.
        action: what was asked, such as `send`; None where the record is withheld.
        principal: about whom; None where the record is withheld.
        because: the determining policies.
        cited: whether a statement of the handoff rests on it.
        replay: `repeated` if policies and entities of the annex give the same decision again; otherwise why it was
            not repeated.
        words: what decided, in words, a line each.
    """

    organization: str
    index: int
    time: str
    decision: str
    policy: str
    id: str | None = None
    action: str | None = None
    principal: str | None = None
    because: tuple[str, ...] = ()
    cited: bool = False
    replay: str = WITHHELD
    words: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, JSON]:
        """Return the decision as JSON values."""
        said: dict[str, JSON] = {name: getattr(self, name) for name in self.__slots__}
        return said | {"because": list(self.because), "words": list(self.words)}


def demand_cited(log: ProvedLog, cited: DecisionCited, statement: str) -> None:
    """Demand that the decision a statement cites stands in its maker's log, as a permit of the same bundle.

    Raises:
        LogTampered: it does not.
    """
    found = log.find(id=event_id(cited.id, "decision"))
    if found is None:
        raise LogTampered(
            f"the log of {log.owner} does not show the decision that its {statement} cites", remedy=_REMEDY
        )
    says = (found.public["type"], found.public.get("policy"))
    if says != ("decision.permit", cited.policy):
        raise LogTampered(
            f"the log of {log.owner} shows {says[0]} by bundle {str(says[1])[:16]} where the {statement} cites a "
            f"permit by bundle {cited.policy[:16]}",
            remedy=_REMEDY,
        )


def told_decisions(log: ProvedLog, cited: str, artifact: str, annex: Annex | str) -> Iterator[DecisionTold]:
    """Yield the decisions in a party's log, in order, each bound to its entry and decided again if the annex can.

    Args:
        log: the party's log.
        cited: id of the decision that this party's statement cites.
        artifact: root digest; every decision is about it.
        annex: what replays them; if nothing here does, how that annex stands.

    Raises:
        LogTampered, IntegrityError: a record is not the one its entry is about, or its policies do not decide so.
    """
    engines: dict[str, PolicyEngine | str] = {}
    for entry in log.entries:
        if entry.public["type"] in KINDS:
            yield _told(log.owner, entry, cited, artifact, annex, engines)


def _told(
    owner: str,
    entry: ProvedEntry,
    cited: str,
    artifact: str,
    annex: Annex | str,
    engines: dict[str, PolicyEngine | str],
) -> DecisionTold:
    public = entry.public
    bare: dict[str, Any] = {
        "organization": owner,
        "index": entry.index,
        "time": public["time"],
        "decision": public.get("decision", ""),
        "policy": public.get("policy", ""),
        "cited": public["id"] == event_id(cited, "decision"),
    }
    if public.get("artifact") != artifact:
        raise _unlike(owner, entry, f"it is about {public.get('artifact')}")
    if entry.payload is None:
        return DecisionTold(**bare)
    text = entry.payload.get("record")
    if not isinstance(text, str):
        raise _unlike(owner, entry, "it has no record")
    record = text.encode()
    id_ = sha256(record)[:_ID]
    try:
        recorded = RecordedDecision.read(id_, record, None) if isinstance(annex, str) else annex.recorded(id_, record)
        _check_record(owner, entry, recorded)
        replay, words = _replay(owner, recorded, record, annex, engines)
        request = recorded.request
        return DecisionTold(
            **bare,
            id=id_,
            action=request.action if request else None,
            principal=printable(request.principal.id) if request else None,
            because=tuple(printable(each) for each in recorded.because),
            replay=replay,
            words=tuple(words),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unlike(owner, entry, f"it is no record of a decision: {error!r}") from None


def _check_record(owner: str, entry: ProvedEntry, recorded: RecordedDecision) -> None:
    """Hold a record to the leaf that names it."""
    public, record = entry.public, recorded.record
    kind = "failsafe" if record["failsafe"] else record["decision"]
    expected = {
        "id": (event_id(recorded.id, "decision"), public["id"]),
        "decision": (f"decision.{kind}", public["type"]),
        "mode": (record["mode"], "enforce"),
        "policy": (record["policy"], public.get("policy")),
    }
    for name, (found, logged) in expected.items():
        if found != logged:
            raise _unlike(owner, entry, f"its {name} is {found}, the log has {logged}")


def _replay(
    owner: str,
    recorded: RecordedDecision,
    record: bytes,
    annex: Annex | str,
    engines: dict[str, PolicyEngine | str],
) -> tuple[str, list[str]]:
    """Decide again and compare; return how it went, and what decided in words."""
    conditions = [f"{printable(each['policy'])}: {told(each)}" for each in recorded.record["conditions"]]
    if isinstance(annex, str):
        return f"not replayed: annex of {owner}: {annex}", conditions
    if recorded.lacks is not None:
        return f"not replayed: {recorded.lacks}", conditions
    policy = recorded.record["policy"]
    if policy not in engines:
        engines[policy] = _engine(annex, policy)
    engine, request = engines[policy], recorded.request
    if isinstance(engine, str) or request is None:
        return f"not replayed: {engine}", conditions
    explained = engine.explain(request, recorded.entities or (), recorded.now)
    _compare(owner, recorded, record, explained.decision)
    return REPEATED, [line for account in explained.accounts for line in _words(account)]


def _engine(annex: Annex, policy: str) -> PolicyEngine | str:
    try:
        found = annex.engine(policy)
    except EvidenceError:
        raise
    except (LadingError, OSError) as error:
        return f"the policies in the annex do not load here: {error}"
    return found or f"the annex does not have bundle {policy[:16]}"


def _compare(owner: str, recorded: RecordedDecision, record: bytes, again: Decision) -> None:
    """Hold a decision to what its own policies decide; every byte of it, where the same engine decides.

    Raises:
        IntegrityError: they decide otherwise.
    """
    before = recorded.record
    pairs = {
        "decision": (before["decision"], again.decision.value),
        "determining policies": (sorted(recorded.because), sorted(again.because)),
        "bundle": (before["policy"], again.bundle_digest),
    }
    for name, (said, found) in pairs.items():
        if said != found:
            raise IntegrityError(
                f"{owner} recorded decision {recorded.id} with the {name} {said}, its own policies say {found}",
                remedy="The record is not what these policies decide: do not rely on it.",
            )
    if again.record != record and _engine_of(again.record) == before["engine"]:
        raise IntegrityError(
            f"{owner} recorded decision {recorded.id} with other words than its own policies give", remedy=_REMEDY
        )


def _engine_of(record: bytes) -> str:
    return str(RecordedDecision.read(sha256(record)[:_ID], record, None).record["engine"])


def _words(account: PolicyAccount) -> Iterator[str]:
    """Word a policy that decided: who owns it, what it does, and each of its conditions with the values it saw."""
    policy = account.policy
    does = "forbids" if policy.forbids else "permits"
    yield printable(f"{policy.id} {does} (owner: {policy.owner})")
    for kind, condition in zip(account.kinds, account.conditions, strict=True):
        yield f"  {kind} {condition.sentence}"


def _unlike(owner: str, entry: ProvedEntry, why: str) -> LogTampered:
    return LogTampered(
        f"the decision in entry {entry.index} of the log of {owner} is not the one recorded there: {why}",
        remedy=_REMEDY,
    )


def found_by(log: ProvedLog) -> Iterator[Mapping[str, JSON]]:
    """Yield what a party's checks found, as its log has it.

    Each has `organization`, `index`, `time`, `stage`, `passed`, `findings` (lines), and `withheld`.

    Raises:
        LogTampered: what an entry opens to is no report.
    """
    for entry in log.entries:
        kind = entry.public["type"]
        if kind not in {"validation.passed", "validation.failed"}:
            continue
        told_: dict[str, JSON] = {
            "organization": log.owner,
            "index": entry.index,
            "time": entry.public["time"],
            "passed": kind == "validation.passed",
            "withheld": entry.payload is None,
            "stage": None,
            "findings": [],
        }
        yield told_ if entry.payload is None else told_ | _findings(log.owner, entry)


def _findings(owner: str, entry: ProvedEntry) -> dict[str, JSON]:
    payload: Mapping[str, Any] = entry.payload or {}
    passed = entry.public["type"] == "validation.passed"
    try:
        if "report" not in payload:  # the receiver's arrival checks: codes, as the verdict has them
            found = [printable(str(code)) for code in payload["findings"]]
            return {"stage": "arrival", "findings": found}
        report = payload["report"]
        if report["passed"] is not passed:
            raise _unlike(owner, entry, f"the report says passed: {report['passed']}")
        lines = [
            printable(f"{each['severity']} {each['code']}: {each['subject']}: {each['message']}")
            for each in report["findings"]
        ]
        return {"stage": printable(str(report["stage"])), "findings": lines}
    except (KeyError, TypeError) as error:
        raise _unlike(owner, entry, f"it is no report of checks: {error!r}") from None
