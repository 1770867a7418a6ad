"""A policy folder, checked and compiled.

Cedar numbers policies by their position and accepts two with one `@id`; here a policy is known by its `@id` alone,
which is unique. Every policy says who owns it (`@owner`) and what a person can do when it denies (`@remedy`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from cedarpy import Entities, PolicySet, Schema, policies_to_pst, pst, validate_policies

from engine.errors import PolicyError
from engine.findings import Finding, Severity
from engine.policy.actions import Members, named, read_actions, write_out
from engine.policy.atoms import Atom, atoms_of, probe_set
from engine.policy.lint import lint
from engine.policy.model import EntityUid
from engine.policy.source import PolicySource, Statement, read_folder
from engine.policy.tree import policy_set

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REQUIRED: Final = ("id", "owner", "remedy")
_CHOICES: Final = {"obligation": {"approval", "break-glass"}, "disclose": {"partner"}, "class": {"never-overridable"}}
_SHOWN: Final = 20  # problems named in one error
_PROBES: Final = 256  # sets of conditions kept as Cedar holds them, for each action
_STORES: Final = 1024  # slices kept as Cedar holds them


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, as the rest of the engine knows it.

    Attributes:
        id: its `@id`.
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
    def forbids(self) -> bool:
        """True for a forbid, False for a permit."""
        return self.node.effect == "forbid"


@dataclass(frozen=True, slots=True)
class Slice:
    """The policies that can apply to one action, ready to be asked.

    Attributes:
        policies: by id, in the order of the folder.
        rules: the policies for Cedar.
        probes: returns the single conditions of some of them for Cedar; the newest sets are kept.
        named: entities the policies name, whose attributes they may read.
    """

    policies: Mapping[str, Policy]
    rules: PolicySet
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
        warnings: what lint has to say about policies that work.
        store_of: returns the entities of a slice, in Cedar's JSON format, as Cedar holds them, checked against the
            schema. The newest ones are kept: the same people ask about the same things.
    """

    digest: str
    schema_digest: str
    schema: Schema
    policies: Mapping[str, Policy]
    slices: Mapping[str, Slice]
    warnings: tuple[Finding, ...]
    store_of: Callable[[bytes], Entities] = field(compare=False, repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read, check and compile a policy folder.

        Raises:
            PolicyError: the folder, the schema or a policy is not acceptable; the message names file, line and
                policy of every problem.
        """
        return cls.compile(read_folder(folder))

    @classmethod
    def compile(cls, source: PolicySource) -> Self:
        """Check and compile what was read.

        Raises:
            PolicyError: as `load`.
        """
        schema, members = _schema(source)
        problems: list[str] = []
        warnings: list[Finding] = []
        policies: dict[str, Policy] = {}
        for statement in source.statements:
            try:
                policy = _policy(statement, schema, members)
                if policy.id in policies:
                    raise ValueError(f"policy {policy.id}: the @id stands at {policies[policy.id].place} already")  # noqa: TRY301
            except ValueError as error:
                problems.append(f"{statement.place}: {error}")
                continue
            policies[policy.id] = policy
            for finding in lint(statement, policy.node, schema):
                if finding.severity is Severity.ERROR:
                    problems.append(f"{finding.subject}: policy {policy.id}: {finding.message} ({finding.code})")
                else:
                    warnings.append(finding)
        _refuse(problems)
        slices = {action: _slice(action, policies.values()) for action in members}
        return cls(
            source.digest,
            source.schema_digest,
            schema,
            MappingProxyType(policies),
            MappingProxyType(slices),
            tuple(warnings),
            # INVARIANT: with the schema. Without it Cedar checks no attribute and knows no action hierarchy.
            lru_cache(_STORES)(lambda document: Entities.from_json_str(document.decode(), schema)),
        )


def _schema(source: PolicySource) -> tuple[Schema, Members]:
    try:
        schema = Schema.from_str(source.schema)
        return schema, read_actions(schema)
    except ValueError as error:
        raise PolicyError(
            f"{source.schema_file} is not a Cedar schema: {error}", remedy="Mend the schema file."
        ) from None


def _policy(statement: Statement, schema: Schema, members: Members) -> Policy:
    """Parse and validate one statement. Raises ValueError with the policy's id, as far as it is known."""
    node = _parsed(statement)
    notes = dict(_annotations(node))
    label = f"policy {notes['id']}"
    result = validate_policies(statement.text, schema)
    if not result.validation_passed:
        raise ValueError("; ".join(f"{label}: {each.error}" for each in result.errors))
    written = write_out(replace(node, id=notes["id"]), members)
    return Policy(
        id=notes["id"],
        place=statement.place,
        owner=notes["owner"],
        remedy=notes["remedy"],
        obligation=notes.get("obligation"),
        disclosed="disclose" in notes,
        actions=named(node, members),
        node=written,
        atoms=atoms_of(written),
    )


def _parsed(statement: Statement) -> pst.Template:
    parsed = policies_to_pst(statement.text)
    if parsed.templates:
        raise ValueError("a template with slots, expected a policy")
    if len(parsed.static_policies) != 1:
        raise ValueError(f"{len(parsed.static_policies)} policies in one statement, expected one")
    return next(iter(parsed.static_policies.values()))


def _annotations(node: pst.Template) -> Iterator[tuple[str, str]]:
    """Yield the annotations of a policy, each checked."""
    given = node.annotations
    label = f"policy {given.get('id', 'without @id')}"
    for name in _REQUIRED:
        if not given.get(name, "").strip():
            raise ValueError(f"{label}: no @{name}, expected one")
    if not _ID.fullmatch(given["id"]):
        raise ValueError(f"{label}: the @id is not written in lower case with hyphens, such as deny-residency")
    for name, value in given.items():
        if name not in _REQUIRED and value not in _CHOICES.get(name, ()):
            known = ", ".join(f'@{each}("{choice}")' for each, choices in _CHOICES.items() for choice in choices)
            raise ValueError(f'{label}: @{name}("{value}") means nothing here, expected one of {known}')
        yield name, value


def _slice(action: str, policies: Iterable[Policy]) -> Slice:
    applying = {policy.id: policy for policy in policies if action in policy.actions}
    nodes = policy_set({id_: policy.node for id_, policy in applying.items()})
    uids = pst.entity_uids(nodes)
    return Slice(
        policies=MappingProxyType(applying),
        rules=PolicySet.from_pst(nodes),
        probes=lru_cache(_PROBES)(lambda ids: probe_set(atom for id_ in ids for atom in applying[id_].atoms)),
        named=frozenset(EntityUid(str(uid.type), uid.id) for uid in uids if uid.type.basename != "Action"),
    )


def _refuse(problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise PolicyError(
            "\n".join(["the policies are broken:", *problems[:_SHOWN], *more]),
            remedy="Mend each place; policies/*.cedar of a new workspace show how policies are written.",
        )
