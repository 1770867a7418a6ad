"""The folder of agreements: `<digest>/agreement.json`, and `<organization>.sigstore.json` of each that signed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.agreement.agreement import Agreement
from engine.agreement.reading import MAX_AGREEMENT_BYTES, parse_agreement
from engine.digest import is_digest, sha256
from engine.errors import AgreementError, DigestMismatch
from engine.files import write_atomic

MAX_BUNDLE_BYTES: Final = 4 * 1024 * 1024
"""The largest signature bundle that is kept, in bytes."""

_DOCUMENT: Final = "agreement.json"
_BUNDLE: Final = ".sigstore.json"
_SHORTEST_PREFIX: Final = 8


class AgreementFolder:
    """Agreements by digest, each with the signatures held for it.

    INVARIANT: a folder's name is the SHA-256 of the agreement in it; reading checks it again.

    Args:
        path: the folder; made when the first agreement is put into it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, agreement: Agreement) -> str:
        """Keep an agreement, durably, and return its digest. Putting it again changes nothing."""
        data = agreement.canonical()
        digest = sha256(data)
        write_atomic(self._path / digest / _DOCUMENT, data)
        return digest

    def put_bundle(self, digest: str, organization: str, bundle: bytes) -> None:
        """Keep the signature of one party, in place of any it made before. Verify it first (see `standing`).

        Args:
            digest: of an agreement that is in the folder.
            organization: a party to it; nobody else's signature is kept.
            bundle: a Sigstore bundle as JSON.

        Raises:
            AgreementError: no such agreement, no such party, or too large to be a bundle.
        """
        agreement = self._read(digest)
        if organization not in agreement.parties:
            raise AgreementError(
                f"{organization} is no party to {agreement.id}: expected {' or '.join(agreement.parties)}",
                remedy="Propose an agreement that names it.",
            )
        if len(bundle) > MAX_BUNDLE_BYTES:
            raise AgreementError(
                f"the signature of {organization} has {len(bundle)} bytes, expected at most {MAX_BUNDLE_BYTES}",
                remedy="Ask them to sign again.",
            )
        write_atomic(self._path / digest / f"{organization}{_BUNDLE}", bundle)

    def __contains__(self, digest: str) -> bool:
        """Say whether an agreement is in the folder, by its digest; whether it was altered shows when it is read."""
        return is_digest(digest) and (self._path / digest / _DOCUMENT).is_file()

    def get(self, ref: str) -> Agreement:
        """Find one agreement by its digest, by the first 8 or more characters of it, or by its id.

        Raises:
            AgreementError: none matches, or more than one does; the message lists the candidates.
            DigestMismatch: the file was altered.
        """
        if is_digest(ref):
            return self._read(ref)
        known = self.list()
        found = [each for each in known if each.id == ref or _abbreviates(ref, each.digest)]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(f"{each.id} ({each.digest[:12]})" for each in found or known) or "none"
        if found:
            raise AgreementError(
                f"{ref!r} names {len(found)} agreements: {listed}", remedy="Give the digest of the one you mean."
            )
        raise AgreementError(
            f"no agreement {ref!r} here; known: {listed}", remedy="Propose it, or ask the partner for theirs."
        )

    def bundles(self, digest: str) -> Mapping[str, bytes]:
        """Return the signatures held for an agreement, by organization.

        Raises:
            AgreementError: no such agreement.
        """
        places = {party: self._path / digest / f"{party}{_BUNDLE}" for party in self._read(digest).parties}
        return {party: _read_bounded(path, MAX_BUNDLE_BYTES) for party, path in places.items() if path.is_file()}

    def successors(self, agreement: Agreement) -> tuple[Agreement, ...]:
        """Return what supersedes `agreement`, directly or by way of others. In force or not: see `standing`."""
        superseding = {agreement.digest}
        found: list[Agreement] = []
        waiting = list(self.list())
        while later := [each for each in waiting if each.supersedes in superseding]:
            found += later
            superseding |= {each.digest for each in later}
            waiting = [each for each in waiting if each not in later]
        return tuple(found)

    def list(self) -> tuple[Agreement, ...]:
        """Return every agreement, the earliest effective first.

        Raises:
            AgreementError: a file in the folder is not an agreement.
            DigestMismatch: a file was altered.
        """
        if not self._path.is_dir():
            return ()
        # A folder without a document is a `put` that a crash cut short.
        digests = [each.name for each in self._path.iterdir() if each.name in self]
        return tuple(sorted(map(self._read, digests), key=lambda each: (each.effective, each.id, each.digest)))

    def _read(self, digest: str) -> Agreement:
        path = self._path / digest / _DOCUMENT
        if digest not in self:
            raise AgreementError(
                f"no agreement with the digest {digest!r} here",
                remedy="Propose it, or ask the partner for theirs.",
            )
        data = _read_bounded(path, MAX_AGREEMENT_BYTES)
        if sha256(data) != digest:
            raise DigestMismatch(
                f"{path} was altered: its SHA-256 is {sha256(data)}, expected {digest}",
                remedy="Restore it from git or from the partner; whoever signed it has the same bytes.",
            )
        return parse_agreement(data, what=str(path))


def _abbreviates(ref: str, digest: str) -> bool:
    return len(ref) >= _SHORTEST_PREFIX and digest.startswith(ref)


def _read_bounded(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes; of a larger one only so much that it cannot verify."""
    with path.open("rb") as file:
        return file.read(limit + 1)
