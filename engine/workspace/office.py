"""The office: every room of one organization, composed, for as long as its owner lives.

Parts are opened when first used and closed together: a command that lists partners does not start a Sigstore.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from sqlalchemy import Engine

from engine.agreement import Agreement, AgreementFolder, Standing
from engine.audit.checkpoint import read_checkpoint
from engine.audit.log import AuditLog
from engine.audit.note import Algorithm, NoteKey, NoteSigner
from engine.audit.remembered import Remembered
from engine.audit.witness import Witness
from engine.database import migrate, open_engine
from engine.digest import JSON
from engine.errors import InputError, UsageError, WorkspaceError
from engine.events import Clock, system_clock
from engine.files import write_atomic
from engine.gateway.checkpoints import Checkpoints
from engine.gateway.incoming import IncomingTable
from engine.manifest.registry import Registry
from engine.policy.directory import Directory
from engine.policy.facts import AgreementFacts, ArtifactFacts
from engine.policy.judge import Judge
from engine.signing import Signatory
from engine.signing.sandbox import Sandbox
from engine.signing.signer import Signer
from engine.signing.trust_folder import TrustFolder
from engine.store import FileKeySource, Store
from engine.transfer.outgoing import OutgoingTable
from engine.transfer.tickets import TicketTable
from engine.workspace.denials import describe_denial
from engine.workspace.dialing import Dialing
from engine.workspace.keys import secret_key, signing_key
from engine.workspace.layout import Layout
from engine.workspace.log.former import Logs
from engine.workspace.log.record import cosigners
from engine.workspace.log.unrecorded import record_kept
from engine.workspace.settings import Settings, load_settings
from engine.workspace.turns import Turns
from engine.workspace.witness.witnessing import ABOUT_WITNESSING

if TYPE_CHECKING:
    from engine.workspace.governing.governance import Governance


class Office:
    """One organization's rooms. Only the owner of the workspace may open one.

    Args:
        layout: where everything is.
        clock: the time; the system's unless a test says otherwise.
    """

    def __init__(self, layout: Layout, clock: Clock = system_clock) -> None:
        self.layout = layout
        self.clock = clock
        self.settings: Settings = load_settings(layout.settings)
        self.on_partners_changed: list[Callable[[], None]] = []
        self.keeping = Turns()
        """Of those who decide what stays of the record, remove it, or copy it."""
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Return the office; its parts are opened when first used."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every part that was opened, the last one first."""
        self._open.close()

    @property
    def organization(self) -> str:
        """The organization's id."""
        return self.settings.organization.id

    @cached_property
    def log(self) -> AuditLog:
        """The audit log, open for appending.

        Raises:
            WorkspaceError: the workspace was restored from a backup, and its log may be behind what others saw of it;
                or the next log is being opened.
        """
        if self.layout.restored.exists():
            raise WorkspaceError(
                f"{self.layout.home} was restored from a backup: its log may be behind what partners remember, "
                "and to go on with it would contradict them",
                remedy="Read and verify it as it is. To record again, put keys/ back, and open the next log with "
                "'lading backup continue --reason …'.",
            )
        if self.layout.opening.exists():
            raise WorkspaceError(
                f"the next log of {self.layout.home} is being opened, and nothing is recorded meanwhile",
                remedy="Finish it: run 'lading audit rotate-key --reason …' again; it goes on where it stopped.",
            )
        log = self._open.enter_context(
            AuditLog(
                self.layout.audit_database,
                origin=self.origin,
                key=signing_key(self.layout.keys, "log"),
                pseudonym_key=secret_key(self.layout.keys, "pseudonym"),
                source=f"urn:lading:{self.organization}",
                clock=self.clock,
            )
        )
        record_kept(self.layout, log)
        return log

    @cached_property
    def logs(self) -> Logs:
        """This log and the former ones, to be read."""
        origins = [key.name for key in self.log_keys(self.organization)]
        return self._open.enter_context(Logs(self.layout, origins, self.log.reader))

    @cached_property
    def origin(self) -> str:
        """The name of the log (C2SP origin): the first that this organization's own trust document lists."""
        return NoteKey.parse(self.trust.own().log_keys[0]).name

    @cached_property
    def trust(self) -> TrustFolder:
        """Pinned trust."""
        return TrustFolder(self.layout.trust)

    @cached_property
    def remembered(self) -> Remembered:
        """Checkpoints seen, outside the log's database."""
        return Remembered(self.layout.remembered)

    @cached_property
    def witness(self) -> Witness:
        """This organization's witness of its partners' logs."""
        signer = NoteSigner(
            f"{self.organization}/lading/witness", signing_key(self.layout.keys, "witness"), Algorithm.COSIGNATURE
        )
        return Witness(self.layout.witness, signer, self.log_key_of, self.clock, self.remembered)

    def log_keys(self, organization: str) -> list[NoteKey]:
        """Return the pinned keys of an organization's log."""
        return [NoteKey.parse(vkey) for vkey in self.trust.document(organization).log_keys]

    def log_key_of(self, origin: str) -> NoteKey | None:
        """Return the pinned key of a partner's log, by its origin."""
        keys = (key for organization in self.trust.partners() for key in self.log_keys(organization))
        return next((key for key in keys if key.name == origin), None)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Checkpoints of partners' logs."""
        identity = self.settings.service_identity
        return Checkpoints(
            self.layout.forks, self.remembered, self.log, self.witness, self.log_keys, self.witness_keys, identity
        )

    def witness_keys(self) -> list[NoteKey]:
        """Return the keys of this organization's witness, and of every other that is known here."""
        return [self.witness.key, *cosigners(self.layout)]

    def remember_own(self) -> None:
        """Keep this log's newest checkpoint outside its database, so that a rolled-back copy is found out."""
        self.remembered.add(self.log.checkpoint(), self.origin)

    def newest_checkpoint(self, organization: str) -> str:
        """Return the newest checkpoint of a partner's log that is remembered; empty before the first."""
        return (self.checkpoints.newest(organization) or b"").decode()

    @cached_property
    def log_signer(self) -> NoteSigner:
        """The log's key, for the seals of bills."""
        return NoteSigner(self.origin, signing_key(self.layout.keys, "log"))

    @cached_property
    def sandbox(self) -> Sandbox:
        """The sandbox Sigstore, not yet serving."""
        return Sandbox(self.layout.keys / "sandbox", self.layout.sandbox, self.organization, self.clock)

    @cached_property
    def signer(self) -> Signer:
        """Signs statements; starts the sandbox Sigstore on first use."""
        return self._open.enter_context(self.sandbox).signer()

    def mint(self, who: str | None) -> str | None:
        """Mint a token for the name given with `--as`; the sandbox vouches for whoever owns it.

        Raises:
            InputError: the name is not an identity of this organization.
        """
        return None if who is None else self.sandbox.mint(self.identity(who))

    def identity(self, who: str) -> str:
        """Return the identity that a name of this organization stands for; an identity stands for itself."""
        return self.settings.identity_of(who)

    def caller(self, token: str | None) -> Signatory:
        """Return who acts.

        Raises:
            UsageError: nobody was named.
            UntrustedIdentity: the token is not this organization's, or not valid now.
        """
        if token is None:
            raise UsageError(
                "nobody acts: this operation is under policy and needs to know who asks",
                remedy="Name yourself with '--as NAME', or set LADING_AS.",
            )
        return self.sandbox.check(token, self.clock())

    def sign(self, statement: bytes, identity: str) -> bytes:
        """Sign a statement as an identity of this organization and return the Sigstore bundle."""
        return self.signer.sign(statement, self.sandbox.mint(identity))

    @cached_property
    def registry(self) -> Registry:
        """The artifacts this organization holds."""
        engine = open_engine(self.layout.registry_database)
        self._open.callback(engine.dispose)
        return Registry(engine, self.clock)

    @cached_property
    def agreements(self) -> AgreementFolder:
        """What was agreed with partners."""
        return AgreementFolder(self.layout.agreements)

    def agreement(self, ref: str) -> tuple[Agreement, Standing]:
        """Return an agreement and how it stands now; see `standing`."""
        agreement = self.agreements.get(ref)
        return agreement, self.standing(agreement)

    def standing(self, agreement: Agreement) -> Standing:
        """Judge an agreement now, each signature under its own organization's pinned trust."""
        from engine.workspace.agreements import judge_agreement

        return judge_agreement(self.layout, agreement, self.clock())

    @property
    def directory(self) -> Directory:
        """People and services, as `directory.yaml` has them now."""
        return self.governance.people.now()

    @cached_property
    def governance(self) -> "Governance":
        """The policies of this organization: what decides, what waits to, and who changed it."""
        from engine.workspace.governing.governance import Governance

        return self._open.enter_context(Governance(self))

    @property
    def judge(self) -> Judge:
        """Asks policy, and records every answer before anybody acts on it."""
        return self.governance.judge

    def denial(
        self,
        action: str,
        identity: str,
        *,
        artifact: ArtifactFacts | None = None,
        agreement: AgreementFacts | None = None,
        received_under: AgreementFacts | None = None,
        purpose: str | None = None,
    ) -> dict[str, JSON] | None:
        """Ask policy; return None for a permit, and for a denial what a person needs to know about it."""
        decision = self.judge.ask(
            action, identity, artifact=artifact, agreement=agreement, received_under=received_under, purpose=purpose
        )
        return None if decision.permitted else describe_denial(decision)

    @cached_property
    def dialing(self) -> Dialing:
        """How partners are reached."""
        return Dialing(self.layout, self.settings, self.trust, self.clock)

    def partners_changed(self) -> None:
        """Tell whoever listens that partners were confirmed."""
        for told in self.on_partners_changed:
            told()

    def add_cosignature(self, size: int, lines: bytes, organization: str) -> None:
        """Keep a partner's cosignature of this log's checkpoint at a size, then remember it outside the database.

        Raises:
            BadSignature: none of the partner's pinned witness keys made it.
        """
        self.log.add_cosignature(size, lines, *map(NoteKey.parse, self.trust.witness_keys(organization)))
        self.remember_own()

    @contextmanager
    def working_on(self, transfer: str) -> Iterator[None]:
        """Keep a transfer, or a ticket, to one operation at a time.

        Raises:
            UsageError: another one is at it.
        """
        with self._lock:
            if transfer in self._running:
                raise UsageError(
                    f"{transfer} is being worked on already", remedy="Watch it with 'lading tui', or try again."
                )
            self._running.add(transfer)
        try:
            yield
        finally:
            self._running.discard(transfer)

    def open_everything(self) -> None:
        """Open what a service uses from several threads, before there are any; a broken part is found now."""
        for part in (
            "log",
            "signer",
            "registry",
            "governance",
            "store",
            "outgoing",
            "tickets",
            "incoming",
            "witness",
            "remembered",
            "checkpoints",
        ):
            getattr(self, part)

    def unwitnessed(self, witnesses: Sequence[NoteKey]) -> bool:
        """Say whether anything but witnessing happened since one of these witnesses last cosigned this log."""
        notes = [self.log.cosigned_checkpoint(key.name) for key in witnesses]
        seen = max((read_checkpoint(note).size for note in notes if note), default=0)
        return any(not self.log.entry(each).type.startswith(ABOUT_WITNESSING) for each in range(seen, self.log.size))

    def keep_attestation(self, root: str, name: str, bundle: bytes) -> None:
        """Keep a Sigstore bundle about an artifact where people and tools find it."""
        write_atomic(self.layout.attestation(root, name), bundle)

    def attestation(self, root: str, name: str) -> bytes:
        """Return the bundle `model` or `manifest` of an artifact.

        Raises:
            InputError: it is missing.
        """
        path = self.layout.attestation(root, name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise InputError(f"{path} is missing", remedy="Restore it, or pack the artifact again.") from None

    @cached_property
    def store(self) -> Store:
        """The sealed store."""
        return Store(self.layout.store, FileKeySource(self.layout.keys))

    @cached_property
    def _transfer_engine(self) -> Engine:
        engine = open_engine(self.layout.transfer_database)
        self._open.callback(engine.dispose)
        migrate(engine, "transfer")
        return engine

    @cached_property
    def outgoing(self) -> OutgoingTable:
        """Transfers this organization sends."""
        return OutgoingTable(self._transfer_engine, self.clock)

    @cached_property
    def tickets(self) -> TicketTable:
        """Break-glass tickets of these transfers."""
        return TicketTable(self._transfer_engine, self.clock)

    @cached_property
    def incoming(self) -> IncomingTable:
        """Transfers this organization receives."""
        engine = open_engine(self.layout.gateway_database)
        self._open.callback(engine.dispose)
        migrate(engine, "gateway")
        return IncomingTable(engine, self.clock)
