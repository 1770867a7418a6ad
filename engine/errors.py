"""Every error lading raises on purpose: one tree, each with an exit code and a remedy.

    LadingError 1
    ├── UsageError 2                the command cannot mean this
    │   └── FilterError 2           a filter of the audit log that cannot be read
    ├── WorkspaceError 7            a workspace or its settings are broken
    │   └── OwnerBusy 1             another process owns the workspace
    ├── ManifestError 7             a manifest or the folder it describes
    ├── AgreementError 7            an agreement file
    ├── PolicyError 7               a broken policy, never a denial: a denial is a value
    ├── EvidenceError 4             what was shown does not prove what it claims
    │   ├── SignatureError 4
    │   │   ├── UntrustedIdentity 4
    │   │   └── BadSignature 4
    │   │       └── UnknownRoot 4
    │   └── IntegrityError 4
    │       ├── DigestMismatch 4
    │       │   └── SourceChanged 4
    │       └── LogTampered 4
    ├── WireError 6                 the partner or the network
    │   ├── PartnerUnreachable 6
    │   ├── UntrustedPeer 6
    │   ├── Refused 6               the partner answered, and said no
    │   └── Interrupted 6
    ├── StoreError 1                the sealed store (a full disk, wrong permissions)
    └── InputError 7                any other file that is not what it should be

Exit codes 3 (denied by policy) and 5 (a check or test failed) belong to outcomes, not to exceptions; 130 is Ctrl-C.
"""

import os
from typing import ClassVar


class LadingError(Exception):
    """Base of all: `str(error)` says what is wrong, `remedy` what a person can do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy

    def details(self) -> dict[str, object]:
        """Return what programs are told: members of RFC 9457 problem details, and what the error knows beyond."""
        return {"type": f"urn:lading:error:{type(self).__name__}", "title": str(self), "detail": self.remedy}


class UsageError(LadingError):
    """The command cannot mean this."""

    exit_code = 2


class FilterError(UsageError):
    """A filter of the audit log cannot be read.

    Attributes:
        at: the character that is wrong, from 0.
    """

    def __init__(self, message: str, *, remedy: str, at: int) -> None:
        super().__init__(message, remedy=remedy)
        self.at = at


class WorkspaceError(LadingError):
    """A workspace or its settings are broken."""

    exit_code = 7


class OwnerBusy(WorkspaceError):  # noqa: N818 - reads as the state it names
    """Another process owns the workspace and does not answer."""

    exit_code = 1


class InputError(LadingError):
    """A file is not what it should be."""

    exit_code = 7


class ManifestError(InputError):
    """A manifest, or the folder it describes, is not acceptable."""


class AgreementError(InputError):
    """An agreement file is not acceptable."""


class PolicyError(InputError):
    """A policy bundle is broken (never a denial: a denial is a value)."""


class EvidenceError(LadingError):
    """What was shown does not prove what it claims."""

    exit_code = 4


class SignatureError(EvidenceError):
    """A signature, its certificate or its log entry does not verify."""


class UntrustedIdentity(SignatureError):  # noqa: N818
    """A valid signature by somebody who may not make this statement."""


class BadSignature(SignatureError):  # noqa: N818
    """A signature that does not verify at all."""


class UnknownRoot(BadSignature):
    """A signature under another root than the one it is verified with: of somebody else, or from before a change."""


class IntegrityError(EvidenceError):
    """Bytes are not the bytes that were promised."""


class DigestMismatch(IntegrityError):  # noqa: N818
    """A SHA-256 differs from the one that was promised."""


class SourceChanged(DigestMismatch):
    """A file changed between packing and sending."""


class LogTampered(IntegrityError):  # noqa: N818
    """An audit log contradicts itself, or what others remember of it."""


class WireError(LadingError):
    """The partner or the network."""

    exit_code = 6


class PartnerUnreachable(WireError):  # noqa: N818
    """Nobody answers at the partner's address."""


class UntrustedPeer(WireError):  # noqa: N818
    """The other side's certificate is not one we pinned for that organization."""


class Interrupted(WireError):  # noqa: N818
    """The connection broke in the middle; what was acknowledged is kept."""


class Refused(WireError):  # noqa: N818
    """The partner answered, and said no.

    Attributes:
        status: the HTTP status.
        problem: the RFC 9457 problem details, as far as the partner discloses.
    """

    def __init__(self, message: str, *, remedy: str, status: int, problem: dict[str, object]) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.problem = problem


class StoreError(LadingError):
    """The sealed store cannot do what was asked."""


def refused_by_system(error: OSError) -> LadingError:
    """Return what to show when the operating system refused something: what, where, and what to look at."""
    place = f" ({error.filename})" if error.filename else ""
    return LadingError(
        f"the system refused: {os.strerror(error.errno) if error.errno else error}{place}",
        remedy="Check the path, its permissions and the free space, then try again.",
    )
