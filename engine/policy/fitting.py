"""Whether a directory and a bundle fit together: every member has what the schema demands, every role is declared."""

from collections.abc import Iterator

from engine.digest import canonical
from engine.policy.bundle import PolicyBundle
from engine.policy.directory import Directory, Person
from engine.policy.misfits import Shapes


def misfits(directory: Directory, bundle: PolicyBundle) -> Iterator[tuple[str, str]]:
    """Yield the members that the schema refuses: their place in `directory.yaml`, and what Cedar says."""
    counts = {"people": 0, "services": 0}
    for member in directory.members:
        section = "people" if isinstance(member, Person) else "services"
        place = f"{section}[{counts[section]}] ({member.name})"
        counts[section] += 1
        entities = directory.entities_of(member.uid)
        try:
            bundle.store_of(canonical([entity.to_json() for entity in entities]))
        except ValueError as error:
            said = Shapes(bundle.schema, bundle.attributes).misfits_of(entities)
            yield place, "; ".join(said) or str(error)


def undeclared_roles(directory: Directory, bundle: PolicyBundle) -> tuple[str, ...]:
    """Return the roles that policies name and the directory does not declare, so that nobody can hold them."""
    named = {uid.id for each in bundle.slices.values() for uid in each.named if uid.type == "Role"}
    return tuple(sorted(named - directory.roles.keys()))
