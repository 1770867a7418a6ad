"""The speed of decisions beside cedar-wasm and plain cedarpy, on the same policies in the same run; CPU time, medians.

    python benchmarks/policy.py [--sizes 100 1000 10000] [--general N] [--rounds N] [--json]

cedar-wasm is asked in its best form (policies and schema parsed beforehand), about all policies and about the slice of
the action alone. It is installed with npm into a temporary folder; without npm or a registry it is left out, and the
reason is printed. The peers answer; the engine also checks every reference, guards the answer, explains a denial
and writes the record.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cedarpy import Entities, PolicySet, Schema, is_authorized

from engine.policy.bundle import PolicyBundle
from engine.policy.engine import PolicyEngine
from engine.policy.model import Entity, EntityUid, Request, moment
from engine.policy.recorded import RecordedDecision
from engine.policy.workbench.replay import replay

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ACTIONS = tuple(f"act{number}" for number in range(10))
PER_FILE = 500
BATCH = 10  # decisions under one reading of the clock
RELOADED = 100
TOGETHER = 2000  # decisions asked for at once

SCHEMA = f"""
entity Team in [Team];
entity User in [Team] {{ level: Long, region: String }};
entity Doc {{ owner: User, level: Long, region: String, tags: Set<String> }};
action change;
action {", ".join(ACTIONS)} in [change] appliesTo {{
  principal: [User], resource: [Doc], context: {{ now: datetime, mtls: Bool, purpose: String }}
}};
"""
NODE = """
const cedar = require("@cedar-policy/cedar-wasm/nodejs");
const job = JSON.parse(require("fs").readFileSync(process.argv[2]));
const out = {version: cedar.getCedarSDKVersion()};
const parsed = (answer) => { if (answer.type !== "success") throw new Error(JSON.stringify(answer)); };
parsed(cedar.preparseSchema("schema", job.schema));
for (const [name, text] of [["whole", job.policies], ["sliced", job.slice]]) {
  parsed(cedar.preparsePolicySet(name, {staticPolicies: text}));
  for (const [kind, request] of Object.entries(job.requests)) {
    const call = {...request, entities: job.entities, preparsedPolicySetId: name, preparsedSchemaName: "schema"};
    const taken = [];
    for (let round = 0; round < job.rounds + 5; round++) {
      const before = process.cpuUsage();
      for (let i = 0; i < job.batch; i++) {
        const answer = cedar.statefulIsAuthorized(call);
        if (answer.type !== "success" || answer.response.decision !== kind) throw new Error(JSON.stringify(answer));
      }
      const spent = process.cpuUsage(before);
      if (round >= 5) taken.push((spent.user + spent.system) / job.batch);
    }
    taken.sort((a, b) => a - b);
    out[`${name} ${kind}`] = taken[Math.floor(taken.length / 2)];
  }
}
console.log(JSON.stringify(out));
"""


def policy(number: int, general: int) -> str:
    """Return one policy.

    Args:
        number: which.
        general: how many in ten are forbids about everybody; the others permit one team, mostly somebody else's.
    """
    action, ten = ACTIONS[number % len(ACTIONS)], number // len(ACTIONS) % 10
    head = f'@id("p{number}")\n@owner("bench")\n@remedy("Ask.")\n'
    if ten >= general:
        team = "core" if number // len(ACTIONS) == general else f"team{number}"
        return (
            f'{head}permit (principal in Team::"{team}", action == Action::"{action}", resource)\n'
            f'when {{ resource.level <= principal.level && context.purpose == "evaluation" }};\n'
        )
    return (
        f'{head}forbid (principal, action == Action::"{action}", resource)\n'
        f'when {{ resource.tags.contains("tag{number}") && resource.region != principal.region }}\n'
        "unless { context.mtls && resource.owner == principal };\n"
    )


def world(number: int = 0) -> tuple[Entity, ...]:
    """Return a user, their teams, and a document."""
    user, doc, core, staff = (
        EntityUid("User", f"user{number}"),
        EntityUid("Doc", "plan"),
        EntityUid("Team", "core"),
        EntityUid("Team", "staff"),
    )
    return (
        Entity(user, {"level": 3, "region": "EU"}, (core,)),
        Entity(doc, {"owner": user.reference(), "level": 2, "region": "US", "tags": ["weights", "tag1"]}),
        Entity(core, {}, (staff,)),
        Entity(staff),
    )


def asking(action: str, *, mtls: bool) -> Request:
    """Return what is asked."""
    return Request(
        EntityUid("User", "user0"), action, EntityUid("Doc", "plan"), {"mtls": mtls, "purpose": "evaluation"}
    )


PERMITTED, DENIED = asking("act1", mtls=True), asking("act1", mtls=False)
"""The same question twice: act1 is permitted to the team core, and forbidden by p1 without mutual TLS."""


def write(folder: Path, size: int, general: int) -> Path:
    """Write a bundle of that many policies."""
    folder.mkdir()
    (folder / "bench.cedarschema").write_text(SCHEMA)
    for start in range(0, size, PER_FILE):
        text = "".join(policy(number, general) for number in range(start, min(start + PER_FILE, size)))
        (folder / f"p{start:05}.cedar").write_text(text)
    return folder


def median(call: Callable[[], object], rounds: int) -> float:
    """Return the median CPU time of a call, in microseconds."""
    taken = []
    for _ in range(rounds + 5):
        before = time.process_time_ns()
        for _ in range(BATCH):
            call()
        taken.append((time.process_time_ns() - before) / BATCH / 1000)
    return statistics.median(taken[5:])


@dataclass(frozen=True)
class Case:
    """A bundle of one size with what is asked of it."""

    folder: Path
    size: int
    general: int
    bundle: PolicyBundle

    @property
    def text(self) -> str:
        """All policies."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.cedar")))

    @property
    def slice(self) -> str:
        """The policies of the action that is asked about."""
        numbers = range(ACTIONS.index("act1"), self.size, len(ACTIONS))
        return "".join(policy(number, self.general) for number in numbers)


def engine(case: Case, rounds: int) -> dict[str, float]:
    """Measure the engine."""
    asked, entities = PolicyEngine(case.bundle), world()
    answers = {"Allow": PERMITTED, "Deny": DENIED}
    for raw, request in answers.items():
        decision = asked.decide(request, entities, NOW)
        if decision.raw != raw or decision.failsafe:
            raise SystemExit(f"the engine answered {decision}")
    taken = {
        raw: median(lambda request=request: asked.decide(request, entities, NOW), rounds)  # type: ignore[misc]
        for raw, request in answers.items()
    }
    explained = {
        f"explain {raw}": median(lambda request=request: asked.explain(request, entities, NOW), rounds)  # type: ignore[misc]
        for raw, request in answers.items()
    }
    return taken | explained


def cedarpy(case: Case, rounds: int) -> dict[str, float]:
    """Measure cedarpy with everything parsed beforehand, entities too."""
    schema = Schema.from_str(SCHEMA)
    rules = PolicySet.from_str(case.text)
    store = Entities.from_json_str(json.dumps([each.to_json() for each in world()]), schema)
    taken = {}
    for kind, request in (("Allow", PERMITTED), ("Deny", DENIED)):
        asked = spoken(request)
        if is_authorized(asked, rules, store, schema).decision.value != kind:
            raise SystemExit("cedarpy answered something else")
        taken[kind] = median(lambda asked=asked: is_authorized(asked, rules, store, schema), rounds)  # type: ignore[misc]
    return taken


def wasm(case: Case, rounds: int, home: Path) -> dict[str, Any]:
    """Measure cedar-wasm."""
    job = {
        "schema": SCHEMA,
        "policies": case.text,
        "slice": case.slice,
        "entities": [each.to_json() for each in world()],
        "requests": {"allow": spoken(PERMITTED), "deny": spoken(DENIED)},
        "rounds": rounds,
        "batch": BATCH,
    }
    (home / "job.json").write_text(json.dumps(job))
    (home / "bench.js").write_text(NODE)
    ran = subprocess.run(["node", "bench.js", "job.json"], cwd=home, capture_output=True, text=True, check=False)  # noqa: S607
    if ran.returncode:
        raise SystemExit(f"cedar-wasm failed: {ran.stderr}")
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def install(home: Path) -> str | None:
    """Install cedar-wasm; return why not."""
    if not (shutil.which("npm") and shutil.which("node")):
        return "npm and node are not on this machine"
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@cedar-policy/cedar-wasm"]
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    return f"npm could not install it: {ran.stderr.strip()[:200]}" if ran.returncode else None


def spoken(request: Request) -> dict[str, Any]:
    """Return a request in Cedar's JSON format, with the time."""
    return request.to_json() | {"context": {**request.context, "now": moment(NOW)}}


def together(bundle: PolicyBundle) -> float:
    """Return how many decisions a second of CPU answers when they are asked for at once, without their records."""
    worlds = [world(number) for number in range(20)]
    asked = [
        (
            Request(EntityUid("User", f"user{number % 20}"), "act1", EntityUid("Doc", "plan"), PERMITTED.context),
            worlds[number % 20],
            NOW,
        )
        for number in range(TOGETHER)
    ]
    before = time.process_time()
    verdicts = PolicyEngine(bundle).answer_many(asked)
    if not all(verdict.permitted for verdict in verdicts):
        raise SystemExit("not every decision of the batch is a permit")
    return TOGETHER / (time.process_time() - before)


def replayed(bundle: PolicyBundle) -> float:
    """Return how many recorded decisions a second of CPU replays, half of them denials, their records read before."""
    engine = PolicyEngine(bundle)
    recorded = []
    for number in range(TOGETHER):
        context = {**PERMITTED.context, "mtls": number % 2 == 0}
        user, plan = EntityUid("User", f"user{number % 20}"), EntityUid("Doc", "plan")
        made = engine.decide(Request(user, "act1", plan, context), world(number % 20), NOW)
        recorded.append(RecordedDecision.read(made.id, made.record, made.slice))
    before = time.process_time()
    report = replay(recorded, engine)
    taken = time.process_time() - before
    if report.unchanged != TOGETHER:
        raise SystemExit(f"replaying the same bundle changed something: {report.effect}")
    return TOGETHER / taken


def longest(bundle: PolicyBundle, folder: Path) -> tuple[float, float]:
    """Return the longest of many decisions in milliseconds of wall time: alone, and beside a bundle being loaded."""
    engine, entities = PolicyEngine(bundle), world()

    def slowest(until: Callable[[], bool]) -> float:
        worst = 0.0
        while not until():
            before = time.perf_counter()
            engine.decide(PERMITTED, entities, NOW)
            worst = max(worst, time.perf_counter() - before)
        return worst * 1000

    ends = time.perf_counter() + 1
    alone = slowest(lambda: time.perf_counter() > ends)
    loading = threading.Thread(target=lambda: [PolicyBundle.load(folder) for _ in range(10)])
    loading.start()
    return alone, slowest(lambda: not loading.is_alive())


def reload(folder: Path) -> float:
    """Return the median CPU time of loading a bundle strictly, in milliseconds."""
    taken = []
    for _ in range(5):
        before = time.process_time()
        PolicyBundle.load(folder)
        taken.append((time.process_time() - before) * 1000)
    return statistics.median(taken)


def rows(size: int, ours: Mapping[str, float], plain: Mapping[str, float], peer: Mapping[str, Any]) -> dict[str, Any]:
    """Put the figures of one size together; ratios are a peer's time to ours."""
    row: dict[str, Any] = {
        "policies": size,
        "permit_us": round(ours["Allow"], 1),
        "deny_explained_us": round(ours["Deny"], 1),
        "explain_permit_ratio": round(ours["explain Allow"] / ours["Allow"], 2),
        "explain_deny_ratio": round(ours["explain Deny"] / ours["Deny"], 2),
        "cedarpy_us": round(plain["Allow"], 1),
        "cedarpy_ratio": round(plain["Allow"] / ours["Allow"], 2),
    }
    if peer:
        row |= {
            "wasm_us": round(peer["whole allow"], 1),
            "wasm_ratio": round(peer["whole allow"] / ours["Allow"], 2),
            "wasm_sliced_us": round(peer["sliced allow"], 1),
            "wasm_sliced_ratio": round(peer["sliced allow"] / ours["Allow"], 2),
        }
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--general", type=int, default=2, choices=range(1, 10), help="forbids about everybody, in ten")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    report: dict[str, Any] = {"sizes": []}
    with tempfile.TemporaryDirectory(prefix="lading-bench-") as name:
        home = Path(name)
        why_not = install(home)
        for size in options.sizes:
            folder = write(home / f"policies-{size}", size, options.general)
            case = Case(folder, size, options.general, PolicyBundle.load(folder))
            peer = {} if why_not else wasm(case, options.rounds, home)
            report["sizes"].append(rows(size, engine(case, options.rounds), cedarpy(case, options.rounds), peer))
            report |= {"cedar_wasm": why_not or peer["version"]}
            report[f"together_per_second_{size}"] = round(together(case.bundle))
            report[f"replayed_per_second_{size}"] = round(replayed(case.bundle))
        reloaded = write(home / "reload", RELOADED, options.general)
        report["reload_100_ms"] = round(reload(reloaded), 1)
        alone, beside = longest(PolicyBundle.load(reloaded), reloaded)
        report |= {"longest_decision_ms": round(alone, 1), "longest_while_reloading_ms": round(beside, 1)}
    print(json.dumps(report, indent=2) if options.as_json else table(report))


def table(report: dict[str, Any]) -> str:
    """Lay the figures out."""
    lines = [f"cedar-wasm: {report['cedar_wasm']}", "CPU time of one decision, median; ratio = peer / engine", ""]
    for row in report["sizes"]:
        lines += [f"{key:28}{value:>12}" for key, value in row.items()]
        key = f"together_per_second_{row['policies']}"
        lines += [f"{'together_per_second':28}{report[key]:>12}"]
        lines += [f"{'replayed_per_second':28}{report[key.replace('together', 'replayed')]:>12}", ""]
    last = ("reload_100_ms", "longest_decision_ms", "longest_while_reloading_ms")
    return "\n".join([*lines, *(f"{key:28}{report[key]:>12}" for key in last)])


if __name__ == "__main__":
    main()
