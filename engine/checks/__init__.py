"""Checks before and after a handoff: four questions, each answered with findings.

- files: are they the ones the manifest describes?
- signatures: does the origin vouch for these files and this manifest?
- agreement: is it in force, and does it cover this use?
- space: is there room for them?

Invariants:

- A check never raises for what it looks for. What it cannot read is an error finding: *unparsed is not clean*.
- A report names the checks that ran, so that silence can be told from absence.
- Nothing here touches a disk, a clock or a network by itself: what is needed is passed in.

Every code is explained in `docs/formats/findings.md`.
"""

from engine.checks.agreement import Use
from engine.checks.files import arrived_files, offered_files, source_files
from engine.checks.signatures import Evidence
from engine.checks.space import Space
from engine.checks.stages import arrival, preflight

__all__ = [
    "Evidence",
    "Space",
    "Use",
    "arrival",
    "arrived_files",
    "offered_files",
    "preflight",
    "source_files",
]
