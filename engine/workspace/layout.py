"""Every path of a workspace, in one place."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in an organization's folder.

    Attributes:
        home: the workspace folder, absolute.
    """

    home: Path

    @property
    def settings(self) -> Path:
        """`lading.toml`: the organization, its gateway, its signing mode."""
        return self.home / "lading.toml"

    @property
    def directory(self) -> Path:
        """`directory.yaml`: people and services, their roles and attributes."""
        return self.home / "directory.yaml"

    @property
    def policies(self) -> Path:
        """The Cedar policies that are in force."""
        return self.home / "policies"

    @property
    def agreements(self) -> Path:
        """One folder per agreement, named by its digest."""
        return self.home / "agreements"

    @property
    def attestations(self) -> Path:
        """One folder per artifact, named by its root digest."""
        return self.home / "attestations"

    @property
    def trust(self) -> Path:
        """Pinned trust; nothing in it is secret."""
        return self.home / "trust"

    @property
    def keys(self) -> Path:
        """Private keys, 0600 in a folder of 0700. Never in git."""
        return self.home / "keys"

    @property
    def state(self) -> Path:
        """Databases, the sealed store, sockets. Never in git."""
        return self.home / "state"

    @property
    def lock(self) -> Path:
        """Held by the one process that owns the workspace."""
        return self.state / "owner.lock"

    @property
    def owner_socket(self) -> Path:
        """Where the owner takes operations from this organization's people."""
        return self.state / "owner.sock"

    @property
    def wire_socket(self) -> Path:
        """Where listener workers forward what partners send."""
        return self.state / "wire.sock"

    @property
    def audit_database(self) -> Path:
        """The audit log."""
        return self.state / "audit.db"

    @property
    def search_database(self) -> Path:
        """The full-text index of the audit log, which can be made again from it."""
        return self.state / "search.db"

    @property
    def shipping(self) -> Path:
        """How far the audit log was shipped, a file per destination."""
        return self.state / "ship"

    @property
    def registry_database(self) -> Path:
        """The artifact registry."""
        return self.state / "registry.db"

    @property
    def transfer_database(self) -> Path:
        """Transfers this organization sends."""
        return self.state / "transfer.db"

    @property
    def gateway_database(self) -> Path:
        """Transfers this organization receives, and their chunk journal."""
        return self.state / "gateway.db"

    @property
    def policy_database(self) -> Path:
        """Which policy bundle decides, which candidates wait, and what past decisions rested on."""
        return self.state / "policy.db"

    @property
    def remembered(self) -> Path:
        """Checkpoints seen, own and partners', outside the log's database."""
        return self.state / "remembered.jsonl"

    @property
    def erasing(self) -> Path:
        """There while an erasure is under way, so that one a crash cut short is finished."""
        return self.state / "erasing"

    @property
    def unrecorded(self) -> Path:
        """There while the log takes no entry: what it, or the one that is opened next, has to say as soon as it can."""
        return self.state / "unrecorded.json"

    @property
    def opening(self) -> Path:
        """There while the log of the next origin is being opened, so that what a crash cut short is finished."""
        return self.state / "opening.json"

    def former_log(self, number: int) -> Path:
        """Return where the database of a former log is kept, by the number at the end of its origin."""
        return self.state / f"audit-{number}.db"

    @property
    def restored(self) -> Path:
        """There in a workspace that was restored from a backup: nothing is recorded in it any more."""
        return self.state / "restored"

    @property
    def witness(self) -> Path:
        """What this organization's witness last cosigned for each origin."""
        return self.state / "witness.json"

    @property
    def forks(self) -> Path:
        """Pairs of checkpoints in which a partner's log contradicted itself."""
        return self.state / "forks"

    @property
    def milestone(self) -> Path:
        """Up to where this machine verified its own log in full."""
        return self.state / "verified.json"

    @property
    def witness_alarms(self) -> Path:
        """Which witnesses were late at the last round."""
        return self.state / "witness-alarms.json"

    @property
    def store(self) -> Path:
        """Sealed chunks."""
        return self.state / "store"

    @property
    def sandbox(self) -> Path:
        """The sandbox Sigstore's log."""
        return self.state / "sandbox"

    @property
    def tls(self) -> Path:
        """The gateway's current short-lived certificate."""
        return self.state / "tls"

    def attestation(self, root: str, name: str) -> Path:
        """Return where the bundle `name` (such as `model`) of an artifact is."""
        return self.attestations / root / f"{name}.sigstore.json"
