"""Identities: the sandbox vouches for whoever the owner's OS user says they are."""

from engine.workspace.office import Office
from engine.workspace.operations import Call, Params


class Mint(Params):
    """`who`: a name, or a whole identity of this organization."""

    who: str


def mint(office: Office, _: Call, params: Mint) -> str | None:
    """Return an OIDC token. It exists in the sandbox only, where the OS user is trusted to say who acts."""
    return office.mint(params.who)
