"""Policies, decisions and candidates for a sample workspace, made by the real engine and the real database."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from engine.database import migrate, open_engine
from engine.events import Event
from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.judge import _event
from engine.policy.model import Decision, Entity, EntityUid, Mode, Request
from engine.policy.rollout.snapshot import Snapshot
from engine.policy.rollout.store import Activation, Candidate, PolicyStore
from tests.tui.sample_workspace import NOW, SampleWorkspace, Ticking, digest

SCHEMA = """entity User in [Role] { clearance: Long };
entity Role;
entity Artifact { sensitivity: Long, residency?: String, signed: Bool };
action send, view appliesTo {
  principal: [User],
  resource: [Artifact],
  context: { now: datetime, region: String, agreement: { expires: datetime, destinations: Set<String> } },
};
"""
AGREEMENT = """// A handoff stays within the agreement it goes under.

// Half-open, so that two agreements in a row never overlap.
@id("deny-agreement-window")
@owner("legal")
@disclose("partner")
@remedy("Agree on a new period: propose an agreement that supersedes this one, and have both sign it.")
forbid (
  principal,
  action == Action::"send",
  resource
)
unless { context.now < context.agreement.expires };

@id("deny-residency")
@owner("legal")
@disclose("partner")
@remedy("Send to a region where the artifact may be, or agree on this one.")
forbid (
  principal,
  action == Action::"send",
  resource
)
when {
  resource has residency &&
  resource.residency != context.region
};
"""
PEOPLE = """// Who may hand an artifact over.

@id("send-signed")
@owner("security")
@remedy("Let a person with the role sender send it, once it is signed.")
permit (
  principal in Role::"sender",
  action == Action::"send",
  resource
)
when { resource.signed && resource.sensitivity <= principal.clearance };

@id("view-all")
@owner("security")
@remedy("Ask for clearance.")
permit (principal, action == Action::"view", resource)
when { resource.sensitivity <= principal.clearance };
"""
SUITE = """suite: handoff
now: 2026-06-01T12:00:00Z
"""
FILES = {"agreement.cedar": AGREEMENT, "people.cedar": PEOPLE, "acme.cedarschema": SCHEMA, "tests/handoff.yaml": SUITE}
STRICTER = FILES | {"agreement.cedar": AGREEMENT.replace("resource has residency &&\n  ", "resource has residency && ")}
BROKEN = FILES | {"people.cedar": PEOPLE.replace("permit (\n", "permitt (\n", 1), "draft.cedar": "// nothing yet\n"}

REPORT: Mapping[str, object] = {
    "summary": "",
    "problems": [
        {
            "file": "people.cedar",
            "line": 15,
            "column": 1,
            "code": "arithmetic-in-forbid",
            "severity": "warning",
            "message": "principal.clearance + 1 can overflow, and every request for which it does is denied",
            "remedy": "Compare the values directly, or have the engine state the sum as a fact.",
        }
    ],
    "suites": {"passed": 41, "failed": 0, "failures": [], "policies": 100, "atoms": 96.5, "mutation": 92.1},
    "replay": {
        "decisions": 1200,
        "unchanged": 1197,
        "newly_allowed": ["User::ada@acme.example send Artifact::tabular-risk (send-signed)"],
        "newly_denied": [
            "User::bea@acme.example send Artifact::fraud-graph (deny-residency)",
            "User::bea@acme.example send Artifact::sentiment (deny-residency)",
        ],
        "newly_failing": [],
    },
}
FAILURE: Mapping[str, object] = {
    "summary": "people.cedar:3: not a policy",
    "problems": [
        {
            "severity": "error",
            "message": "people.cedar:3: not a policy: unexpected token `permitt`, expected `permit` or `forbid`",
            "remedy": "Mend each place; policies/*.cedar of a new workspace show how policies are written.",
        }
    ],
}


@dataclass(frozen=True)
class Past:
    """A clock that is some minutes behind a sample workspace's."""

    clock: Ticking
    minutes: float

    def __call__(self) -> object:
        return self.clock.now - timedelta(minutes=self.minutes)


@dataclass
class PolicyDesk:
    """Changes the policies of a sample workspace as its owner would."""

    workspace: SampleWorkspace

    def write(self, files: Mapping[str, str]) -> None:
        """Let the policy folder hold exactly these files."""
        folder = self.workspace.home / "policies"
        for path in [each for each in folder.rglob("*") if each.is_file()]:
            path.unlink()
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    def activate(self, files: Mapping[str, str], *, minutes_ago: float, **columns: object) -> str:
        """Let a bundle decide."""
        snapshot = Snapshot.of(files)

        def work(store: PolicyStore) -> None:
            row: dict[str, object] = {
                "number": 0,
                "digest": snapshot.digest,
                "previous": store.active(),
                "kind": "activation",
                "author": "ada@acme.example",
                "approver": "bea@acme.example",
                "reason": "residency for the EU",
                "effect": "",
                "statement": b"{}",
                "logged": 0,
                "at": 0.0,
            }
            store.complete_activation(store.begin_activation(Activation(**row | columns), snapshot, None))

        self._store(work, minutes_ago)
        return snapshot.digest

    def candidate(
        self,
        files: Mapping[str, str],
        state: str,
        report: Mapping[str, object],
        *,
        minutes_ago: float,
        **columns: object,
    ) -> str:
        """Let a candidate stand like this."""
        snapshot = Snapshot.of(files)

        def work(store: PolicyStore) -> None:
            row: dict[str, object] = {
                "digest": snapshot.digest,
                "base": store.active(),
                "author": "ada@acme.example" if state == "proposed" else None,
                "state": state,
                "reason": "one residency for all" if state == "proposed" else "",
                "report": report,
                "approval": None,
                "seen": 0.0,
                "updated": 0.0,
            }
            store.keep(snapshot, Candidate(**row | columns))

        self._store(work, minutes_ago)
        return snapshot.digest

    def decide(self, files: Mapping[str, str], *questions: tuple[str, str, str, str], mode: Mode = "enforce") -> None:
        """Record what these policies say of who, action, artifact and region."""
        with Snapshot.of(files).unfolded() as folder:
            engine = PolicyEngine(PolicyBundle.load(folder), mode)
        self.workspace.record(*(_asked(engine, number, *each) for number, each in enumerate(questions)))

    def _store(self, work: Callable[[PolicyStore], None], minutes_ago: float) -> None:
        engine = open_engine(self.workspace.home / "state" / "policy.db")
        migrate(engine, "policy")
        work(PolicyStore(engine, Past(self.workspace.clock, minutes_ago)))
        engine.dispose()


PEOPLE_OF = {"ada": (2, ("sender",)), "bea": (1, ("sender",)), "lou": (0, ())}
ARTIFACTS = {"sentiment": (1, None, True), "fraud-graph": (2, "EU", True), "draft": (1, None, False)}
QUESTIONS = (
    ("ada", "send", "sentiment", "EU"),
    ("lou", "view", "fraud-graph", "EU"),
    ("ada", "send", "fraud-graph", "US"),
    ("bea", "send", "draft", "EU"),
    ("ada", "view", "fraud-graph", "EU"),
    ("ada", "copy", "draft", "EU"),
    ("bea", "send", "fraud-graph", "US"),
)


def _asked(engine: PolicyEngine, number: int, name: str, action: str, artifact: str, region: str) -> Event:
    who = f"{name}@acme.example"
    clearance, roles = PEOPLE_OF[name]
    sensitivity, residency, signed = ARTIFACTS[artifact]
    uids = [EntityUid("Role", role) for role in roles]
    entities = [
        Entity(EntityUid("User", who), {"clearance": clearance}, tuple(uids)),
        *(Entity(uid) for uid in uids),
        Entity(EntityUid("Role", "sender")),
        Entity(
            EntityUid("Artifact", artifact),
            {"sensitivity": sensitivity, "signed": signed} | ({"residency": residency} if residency else {}),
        ),
    ]
    expires = {"__extn": {"fn": "datetime", "arg": "2026-12-31T00:00:00Z"}}
    context = {"region": region, "agreement": {"expires": expires, "destinations": ["EU"]}}
    request = Request(EntityUid("User", who), action, EntityUid("Artifact", artifact), context)
    unique = {entity.uid: entity for entity in entities}
    decision = engine.decide(request, unique.values(), NOW - timedelta(seconds=90 - number))
    return recorded(
        decision, who, action, transfer=f"tr-{digest(f'asked {number}')[:24]}" if action == "send" else None
    )


def recorded(decision: Decision, who: str, action: str, *, transfer: str | None) -> Event:
    """Return the event of a decision, as the judge records it."""
    kind = "failsafe" if decision.failsafe else decision.decision.value
    shadow = json.loads(decision.record)["mode"] == "shadow"
    about = {"transfer": transfer, "partner": "borealis.example"} if transfer else {}
    return _event(decision, "shadow" if shadow else kind, action, {"actor": who, "artifact": None, **about})


def digest_of(files: Mapping[str, str]) -> str:
    """Return the digest of a bundle."""
    return Snapshot.of(files).digest


def add_policies(workspace: SampleWorkspace) -> None:
    """Let policies have a past, a present, and something that waits."""
    desk = PolicyDesk(workspace)
    first = FILES | {"agreement.cedar": AGREEMENT.replace('@disclose("partner")\n', "")}
    desk.activate(
        first,
        minutes_ago=4000,
        kind="initial",
        author="spiffe://acme.example/gateway",
        approver=None,
        reason="the first policies of this workspace",
        statement=None,
    )
    desk.activate(FILES, minutes_ago=180)
    desk.candidate(STRICTER, "proposed", REPORT, minutes_ago=12)
    desk.write(STRICTER)
    desk.decide(FILES, *QUESTIONS)
    desk.decide(STRICTER, QUESTIONS[-1], mode="shadow")
