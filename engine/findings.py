"""What a check found: a value with a code, a severity and a remedy. Checks never raise for what they look for."""

from dataclasses import dataclass, field
from enum import StrEnum

from engine.digest import JSON


class Severity(StrEnum):
    """How much a finding matters; only `ERROR` makes a report fail."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands.

    Attributes:
        file: the file's name.
        line: counted from one.
        column: counted from one, in characters.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Write the place as editors read it: `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"

    def to_json(self) -> dict[str, JSON]:
        """Return the place as JSON values."""
        return {"file": self.file, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check saw.

    Attributes:
        code: a stable name that policies and tests can cite, such as `digest-mismatch`.
        severity: whether the report fails for it.
        subject: the file, field or signature it is about.
        message: what was found and what was expected.
        remedy: what a person can do about it.
        place: where in a file it stands, for what stands in one.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str
    place: Place | None = None

    def to_json(self) -> dict[str, JSON]:
        """Return the finding as JSON values, in the shape reports are published in."""
        said: dict[str, JSON] = {
            "code": self.code,
            "severity": self.severity.value,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
        }
        return said if self.place is None else said | self.place.to_json()


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one run of checks.

    Attributes:
        stage: `preflight` or `arrival`.
        checks: the codes of the checks that ran, so that silence can be told from absence.
        findings: what they found, in the order of the checks.
    """

    stage: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """True when no finding is an error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def failed_codes(self) -> tuple[str, ...]:
        """The codes of the errors, sorted, each once."""
        return tuple(sorted({f.code for f in self.findings if f.severity is Severity.ERROR}))

    def to_json(self) -> dict[str, JSON]:
        """Return the report as JSON values."""
        return {
            "stage": self.stage,
            "checks": list(self.checks),
            "passed": self.passed,
            "findings": [finding.to_json() for finding in self.findings],
        }
