"""People and services of an organization, from `directory.yaml`; to Cedar they are `User` and `Service` entities.

The file format is specified in `docs/formats/directory.md`; `samples/directory.yaml` explains every field.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter, model_validator

from engine.agreement.terms import SENSITIVITIES
from engine.digest import JSON
from engine.policy.documents import Section, read_document
from engine.policy.model import Entity, EntityUid, moment
from engine.signing.identity import Identity, Organization

STARTER_ROLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "administrator": (),
        "approver": (),
        "auditor": (),
        "operator": ("sender", "receiver"),
        "receiver": (),
        "security": (),
        "sender": (),
        "service": (),
    }
)
"""The roles the starter policies know, each with the roles it includes; used where a directory declares none."""


def _rank(value: object) -> object:
    return SENSITIVITIES.index(value) if value in SENSITIVITIES else value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
Clearance = Annotated[int, BeforeValidator(_rank), Field(ge=0, le=len(SENSITIVITIES) - 1)]


class Member(Section):
    """A service, or what a person has in common with one.

    Attributes:
        name: what colleagues say; unique in the directory.
        identity: what the token or certificate says, an e-mail address or a URI; unique in the directory.
        organization: whom it acts for, where that is not the directory's own organization.
        roles: the roles it holds.
        projects: the projects it belongs to.
        clearance: the highest sensitivity it may handle, by name or rank (0 public … 3 restricted).
    """

    name: Name
    identity: Identity
    organization: Organization | None = None
    roles: tuple[Name, ...] = ()
    projects: tuple[Name, ...] = ()
    clearance: Clearance

    @property
    def uid(self) -> EntityUid:
        """What Cedar calls it."""
        return EntityUid("Service", self.identity)

    def attributes(self, home: str) -> dict[str, JSON]:
        """Return its Cedar attributes, in the directory of the organization `home`."""
        return {
            "identity": self.identity,
            "organization": EntityUid("Organization", self.organization or home).reference(),
            "clearance": self.clearance,
        }


class Person(Member):
    """Somebody; what they may do ends with their training.

    Attributes:
        training_expires: when the training has to be repeated.
    """

    training_expires: AwareDatetime

    @property
    def uid(self) -> EntityUid:
        """What Cedar calls them."""
        return EntityUid("User", self.identity)

    def attributes(self, home: str) -> dict[str, JSON]:
        """Return their Cedar attributes, in the directory of the organization `home`."""
        return {**super().attributes(home), "trainingExpires": moment(self.training_expires)}


class DirectoryFile(Section):
    """`directory.yaml`: roles, people and services.

    Attributes:
        roles: each role with the roles it includes. Who holds a role holds what it includes as well.
        people: the people.
        services: the services, the organization's gateway among them.
    """

    format: Literal["lading/directory/v1"]
    roles: dict[Name, tuple[Name, ...]] = dict(STARTER_ROLES)  # noqa: RUF012 - pydantic copies it
    people: tuple[Person, ...] = ()
    services: tuple[Member, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        members = (*self.people, *self.services)
        _each_once("name", (member.name for member in members))
        _each_once("identity", (member.identity for member in members))
        for holder, held in (*self.roles.items(), *((member.name, member.roles) for member in members)):
            for role in held:
                if role not in self.roles:
                    raise ValueError(f"{holder} has the role {role!r}, expected one that is declared under roles")
        for role, included in self.roles.items():
            if role in with_included(included, self.roles):
                raise ValueError(f"the role {role!r} includes itself, expected a hierarchy")
        return self


_FILE: Final = TypeAdapter(DirectoryFile)


class Directory:
    """Everybody who can act in one organization. Immutable."""

    def __init__(self, organization: str, file: DirectoryFile) -> None:
        self.organization = organization
        self.roles: Mapping[str, tuple[str, ...]] = MappingProxyType(file.roles)
        self.members: tuple[Member, ...] = (*file.people, *file.services)
        self._by_identity = {member.identity: member for member in self.members}

    def member(self, identity: str) -> Member | None:
        """Return who has this identity, if anybody."""
        return self._by_identity.get(identity)

    def principal(self, identity: str) -> EntityUid | None:
        """Return what Cedar calls whoever has this identity, if anybody."""
        member = self._by_identity.get(identity)
        return member.uid if member else None

    def entities_of(self, principal: EntityUid) -> tuple[Entity, ...]:
        """Return a principal with its roles, the roles these include, its projects and its organization.

        A principal that nobody is gives nothing; deciding then finds that the reference leads nowhere.
        """
        member = self._by_identity.get(principal.id)
        if member is None or member.uid != principal:
            return ()
        parents = (*_uids("Role", member.roles), *_uids("Project", member.projects))
        return (
            Entity(member.uid, member.attributes(self.organization), parents),
            *(
                Entity(EntityUid("Role", role), parents=_uids("Role", self.roles[role]))
                for role in sorted(with_included(member.roles, self.roles))
            ),
            *map(Entity, _uids("Project", member.projects)),
            Entity(EntityUid("Organization", member.organization or self.organization)),
        )


def load_directory(path: Path, organization: str) -> Directory:
    """Read a `directory.yaml`.

    Args:
        path: the file.
        organization: the id of the organization whose directory it is.

    Raises:
        InputError: it is missing, too large, not plain YAML, or a field is missing, unknown or malformed; the
            message names each field, what was found and what was expected.
    """
    remedy = "Mend the place it names; samples/directory.yaml explains every field."
    return Directory(organization, read_document(path, _FILE, remedy=remedy))


def changes(before: Directory | None, after: Directory) -> dict[str, JSON]:
    """Return who was added, removed or changed between two directories, by identity, and which roles changed."""
    old = {member.identity: member for member in before.members} if before else {}
    new = {member.identity: member for member in after.members}
    roles = dict(before.roles) if before else {}
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(who for who in old.keys() & new.keys() if old[who] != new[who]),
        "roles": sorted(role for role in {*roles, *after.roles} if roles.get(role) != after.roles.get(role)),
    }


def with_included(roles: Iterable[str], hierarchy: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return `roles` and every role they include."""
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role not in found:
            found.add(role)
            waiting += hierarchy[role]
    return found


def _uids(kind: str, names: Iterable[str]) -> tuple[EntityUid, ...]:
    return tuple(EntityUid(kind, name) for name in dict.fromkeys(names))


def _each_once(field: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"the {field} {value!r} stands twice, expected each once")
        seen.add(value)
