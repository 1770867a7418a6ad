"""A policy folder, checked and compiled.

Cedar numbers policies by their position and accepts two with one `@id`; here a policy is known by its `@id` alone,
which is unique. Every policy says who owns it (`@owner`) and what a person can do when it denies (`@remedy`).

`PolicyBundle.load` demands all of that. `PolicyBundle.as_it_stands` is for trying out policies that are not there
yet: a policy without `@id` is known by its place, what is missing is a warning, and a bundle whose forbids could
silently not apply denies everything (`PolicyBundle.objection`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from cedarpy import Entities, PolicySet, Schema, pst, validate_policies

from engine.errors import PolicyError
from engine.findings import Finding, Severity
from engine.policy.actions import Members, named, read_actions, write_out
from engine.policy.atoms import Atom, atoms_of, probe_set
from engine.policy.checks import BLOCKING, FIRM, UNKNOWN_GROUP, Checked, check
from engine.policy.kept import Kept
from engine.policy.lint import UNREACHABLE
from engine.policy.marking import label, mark, meant, of_schema_error, pointed
from engine.policy.model import EntityUid
from engine.policy.overlap import declared, overlaps, unused
from engine.policy.settings import NOTHING_SET, Settings
from engine.policy.source import PolicySource, Statement, read_folder
from engine.policy.tree import policy_set

_UNBOUND: Final = (pst.ScopeAny, pst.ScopeIs)
_CUTS: Final = 10_000  # policies kept in smaller sets, for each action; each takes some 6 KiB
_SHOWN: Final = 20  # problems named in one error
_PROBES: Final = 10_000  # single conditions kept in sets, for each action
_STORES: Final = 16 << 20  # bytes of JSON whose entities are kept as Cedar holds them
_MEND: Final = "Mend each place; policies/*.cedar of a new workspace show how policies are written."
_NO_OWNER: Final = "nobody"
_NO_REMEDY: Final = "Ask whoever keeps the policies."


class BrokenPolicies(PolicyError):  # noqa: N818 - reads as the state it names
    """Policies that do not load.

    Attributes:
        findings: what is wrong, by place.
    """

    def __init__(self, message: str, findings: tuple[Finding, ...]) -> None:
        super().__init__(message, remedy=_MEND)
        self.findings = findings

    def details(self) -> dict[str, object]:
        """Return what programs are told, with every finding."""
        return super().details() | {"findings": [finding.to_json() for finding in self.findings]}


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, as the rest of the engine knows it.

    Attributes:
        id: its `@id`; where it stands if it has none: `file:line`, and the column unless that is the first.
        place: `file:line`.
        owner: who answers for it.
        remedy: what a person can do when it denies, or when it does not permit.
        obligation: what would satisfy it, such as `approval`; None if nothing would.
        disclosed: whether a partner may learn that it decided.
        actions: the actions it can apply to.
        node: its tree, under its id and with action groups written out.
        atoms: its single conditions.
    """

    id: str
    place: str
    owner: str
    remedy: str
    obligation: str | None
    disclosed: bool
    actions: frozenset[str]
    node: pst.Template
    atoms: tuple[Atom, ...]

    @property
    def scope(self) -> frozenset[EntityUid]:
        """The entities that principal and resource have to be, or be in, for it to apply."""
        named = (each.entity for each in (self.node.principal, self.node.resource) if not isinstance(each, _UNBOUND))
        return frozenset(EntityUid(str(each.type), each.id) for each in named if isinstance(each, pst.EntityUid))

    @property
    def forbids(self) -> bool:
        """True for a forbid, False for a permit."""
        return self.node.effect == "forbid"


@dataclass(frozen=True, slots=True)
class Slice:
    """The policies that can apply to one action, ready to be asked.

    Attributes:
        policies: by id, in the order of the folder.
        rules: the policies for Cedar.
        rules_near: returns for Cedar those whose scope names nothing but what is given, or all of them where that
            leaves out little; the newest sets are kept.
        scoped: the entities that scopes name.
        probes: returns the single conditions of some of them for Cedar; the newest sets are kept.
        named: entities the policies name, whose attributes they may read.
    """

    policies: Mapping[str, Policy]
    rules: PolicySet
    rules_near: Callable[[frozenset[EntityUid]], PolicySet] = field(compare=False, repr=False)
    scoped: frozenset[EntityUid]
    probes: Callable[[tuple[str, ...]], PolicySet] = field(compare=False, repr=False)
    named: frozenset[EntityUid]

    @property
    def permits(self) -> tuple[str, ...]:
        """The ids of those that permit."""
        return tuple(id_ for id_, policy in self.policies.items() if not policy.forbids)


@dataclass(frozen=True, slots=True)
class PolicyBundle:
    """Policies and schema of one folder. Immutable; several threads may use it at once.

    Attributes:
        digest: names the content of the folder (see `PolicySource.digest`).
        schema_digest: SHA-256 of the schema file.
        schema: the parsed schema.
        policies: every policy by id, in the order of the folder.
        slices: the policies of each action.
        warnings: what is to be said about policies that work.
        clocked: the actions whose context holds the time as `now`.
        store_of: returns the entities of a slice, in Cedar's JSON format, as Cedar holds them, checked against the
            schema. The newest ones are kept: the same people ask about the same things.
        objection: why the bundle must not permit anything, as a failsafe and a message; None if it may.
        settings: what its `bundle.toml` says.
        attributes: every name that the schema gives to an attribute, of whatever.
    """

    digest: str
    schema_digest: str
    schema: Schema
    policies: Mapping[str, Policy]
    slices: Mapping[str, Slice]
    warnings: tuple[Finding, ...]
    clocked: frozenset[str]
    store_of: Callable[[bytes], Entities] = field(compare=False, repr=False)
    objection: tuple[str, str] | None = None
    settings: Settings = NOTHING_SET
    attributes: frozenset[str] = frozenset()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read, check and compile a policy folder.

        Raises:
            PolicyError: the folder, the schema or a policy is not acceptable; the message names file, line, column
                and policy of every problem.
        """
        return cls.compile(read_folder(folder))

    @classmethod
    def compile(cls, source: PolicySource) -> Self:
        """Check and compile what was read.

        Raises:
            PolicyError: as `load`.
        """
        if not source.schema_file:
            raise PolicyError("0 files end in .cedarschema, expected one", remedy="Put the schema beside the policies.")
        examined = _examine(source)
        _refuse([said for said in examined.said if said[1].severity is Severity.ERROR])
        return cls._of(source, examined, None)

    @classmethod
    def as_it_stands(cls, folder: Path) -> Self:
        """Read and compile policies that are still being written, for trying them out.

        What decides for others is loaded by `load`; whatever would keep it from loading, but leaves its meaning
        clear, is a warning here.

        Raises:
            PolicyError: a file cannot be read, or a policy has no clear meaning: it does not parse, does not fit the
                schema, or two share an `@id`.
        """
        source = read_folder(folder)
        examined = _examine(source)
        _refuse([said for said in examined.said if said[1].code in BLOCKING])
        return cls._of(source, examined, _objection(source, examined))

    @classmethod
    def _of(cls, source: PolicySource, examined: "_Examined", objection: tuple[str, str] | None) -> Self:
        policies = {
            each.id: _policy(each.statement, each.node, examined.members)
            for each in examined.checked
            if each.node is not None
        }
        return cls(
            source.digest,
            source.schema_digest,
            examined.schema,
            MappingProxyType(policies),
            MappingProxyType({action: _slice(action, policies.values()) for action in examined.members}),
            tuple(_lowered(finding) for _, finding in examined.said if finding.severity is not Severity.INFO),
            frozenset(action for action in examined.members if _knows_time(action, examined.schema)),
            _stores(examined.schema),
            objection,
            source.settings,
            frozenset(name for _, name in declared(Statement(source.schema_file, 1, source.schema))),
        )


def lint_folder(folder: Path) -> tuple[Finding, ...]:
    """Return all that is to be said about the policies of a folder, by place; as `bundle.toml` lets it matter.

    Raises:
        PolicyError: a file cannot be read, or the schema is none.
    """
    source = read_folder(folder)
    said = [finding for _, finding in _examine(source).said]
    if not source.schema_file:
        code, message = "schema-missing", "0 files end in .cedarschema, expected one"
        said.append(Finding(code, Severity.ERROR, str(folder), message, "Put the schema beside the policies."))
    return tuple(sorted(said, key=_by_place))


def _by_place(finding: Finding) -> tuple[str, int, int]:
    place = finding.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


@dataclass(frozen=True, slots=True)
class _Examined:
    """A folder's schema, its statements, and what is to be said about them."""

    schema: Schema
    members: Members
    checked: tuple[Checked, ...]
    said: tuple[tuple[Statement, Finding], ...]


def _examine(source: PolicySource) -> _Examined:
    schema, members = _schema(source)
    given = schema if source.schema_file else None
    checked = tuple(check(statement, given, members, source.schema) for statement in source.statements)
    said: list[tuple[Statement, Finding]] = []
    first: dict[str, Statement] = {}
    for each in checked:
        found = [_set(source.settings, each.id, finding) for finding in each.findings]
        if each.node is not None and first.setdefault(each.id, each.statement) is not each.statement:
            message = f"{label(each.node)}: the @id stands at {first[each.id].place} already"
            found.append(mark(each.statement, 0, "duplicate-id", message, "Give each policy an @id of its own."))
        said += [(each.statement, finding) for finding in found if finding is not None]
    parsed = [(each.statement, each.node) for each in checked if each.node is not None]
    text = Statement(source.schema_file, 1, source.schema)
    ids = {each.statement: each.id for each in checked}
    for statement, finding in (*overlaps(parsed, members), *unused(text, (node for _, node in parsed))):
        shown = _set(source.settings, ids.get(statement, source.schema_file), finding)
        said += [(statement, shown)] if shown is not None else []
    return _Examined(schema, members, checked, tuple(said))


def _set(settings: Settings, id_: str, finding: Finding) -> Finding | None:
    """Return a finding as much as `bundle.toml` lets it matter."""
    if finding.code in FIRM:
        return finding
    if (id_, finding.code) in settings.suppressed:
        return None
    return replace(finding, severity=settings.severities.get(finding.code, finding.severity))


def _lowered(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding


def _objection(source: PolicySource, examined: _Examined) -> tuple[str, str] | None:
    """Return why a bundle that loads as it stands must not permit: some forbid of it may silently not apply."""
    if not source.schema_file:
        return "schema-missing", "there is no schema: Cedar checks no entity and knows no action group"
    lost = [f"{finding.subject}: {finding.message}" for _, finding in examined.said if finding.code == UNKNOWN_GROUP]
    return (UNKNOWN_GROUP, "; ".join(lost)) if lost else None


def _schema(source: PolicySource) -> tuple[Schema, Members]:
    try:
        schema = Schema.from_str(source.schema)
        return schema, read_actions(schema)
    except ValueError as error:
        text = Statement(source.schema_file, 1, source.schema)
        message = f"this is not a Cedar schema: {meant(str(error), source.schema)}"
        found = mark(text, of_schema_error(text, str(error)), "schema-unreadable", message, "Mend the schema.")
        _refuse([(text, found)])
        raise


def _knows_time(action: str, schema: Schema) -> bool:
    """Say whether the schema puts a `datetime` named `now` into an action's context.

    The validator checks nothing behind a condition that cannot hold. So a condition that is certainly wrong is
    refused exactly where `now` can be there.
    """
    scope = f"principal, action == {EntityUid('Action', action)}, resource"
    there, wrong = (
        validate_policies(f"permit ({scope}) when {{ context has now{more} }};", schema).validation_passed
        for more in ("", f" && context.{UNREACHABLE}")
    )
    return there and not wrong


def _policy(statement: Statement, node: pst.Template, members: Members) -> Policy:
    notes = node.annotations
    written = write_out(node, members)
    return Policy(
        id=node.id,
        place=statement.place,
        owner=notes.get("owner") or _NO_OWNER,
        remedy=notes.get("remedy") or _NO_REMEDY,
        obligation=notes.get("obligation"),
        disclosed="disclose" in notes,
        actions=named(node, members),
        node=written,
        atoms=atoms_of(written),
    )


def _stores(schema: Schema) -> Callable[[bytes], Entities]:
    def read(document: bytes) -> Entities:
        # INVARIANT: with the schema. Without it Cedar checks no attribute and knows no action hierarchy.
        return Entities.from_json_str(document.decode(), schema)

    return Kept(read, lambda document, _: len(document), _STORES)


def _slice(action: str, policies: Iterable[Policy]) -> Slice:
    applying = {policy.id: policy for policy in policies if action in policy.actions}
    uids = pst.entity_uids(policy_set({id_: policy.node for id_, policy in applying.items()}))
    # INVARIANT: only questions about this action are put to these rules, so its name in their scope is true.
    nodes = {id_: replace(policy.node, action=pst.ScopeAny()) for id_, policy in applying.items()}
    rules = PolicySet.from_pst(policy_set(nodes))
    scopes = {id_: policy.scope for id_, policy in applying.items()}

    def near(entities: frozenset[EntityUid]) -> PolicySet:
        # INVARIANT: a scope that names something else is false, and no condition behind it is evaluated.
        kept = {id_: nodes[id_] for id_, scope in scopes.items() if scope <= entities}
        return PolicySet.from_pst(policy_set(kept)) if 2 * len(kept) <= len(applying) else rules

    def probes(ids: tuple[str, ...]) -> PolicySet:
        return probe_set(atom for id_ in ids for atom in applying[id_].atoms)

    return Slice(
        policies=MappingProxyType(applying),
        rules=rules,
        rules_near=Kept(near, lambda _, made: 1 if made is rules else len(made), _CUTS),
        scoped=frozenset().union(*scopes.values()),
        probes=Kept(probes, lambda _, made: len(made), _PROBES),
        named=frozenset(EntityUid(str(uid.type), uid.id) for uid in uids if uid.type.basename != "Action"),
    )


def _refuse(said: Sequence[tuple[Statement, Finding]]) -> None:
    if said:
        more = [f"and {len(said) - _SHOWN} more"] if len(said) > _SHOWN else []
        shown = [pointed(statement, finding) for statement, finding in said[:_SHOWN]]
        raise BrokenPolicies(
            "\n".join(["the policies are broken:", *shown, *more]), tuple(finding for _, finding in said)
        )
