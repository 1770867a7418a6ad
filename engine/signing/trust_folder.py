"""The workspace's `trust/` folder: our own trust document, our partners', and those a person has yet to confirm.

    own/       trust.json, trust_config.json
    partners/  <organization>/trust.json, trust_config.json
    pending/   <organization>.json
    witnesses/ <name>.toml, third parties; former/ those that no longer count
    witness-policy
    identities.toml

`trust_config.json` repeats a part of `trust.json` for tools that are not ours. A copy of the folder is all that is
needed to verify old bundles, so reading never writes and does not ask whether a document has expired.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.errors import BadSignature, InputError
from engine.files import read_regular, write_atomic
from engine.signing.identity import AllowedIdentity, check_organization, dump_identities, load_identities
from engine.signing.organization_trust import OrganizationTrust
from engine.signing.trust_document import KEPT, LIMIT, TrustDocument, fingerprint, read_trust, verify_trust
from engine.signing.witnesses import PinnedWitness, dump_pin, raw_key, read_pins, third_parties

POLICY_LIMIT: Final = 256 << 10
"""The most bytes of a witness policy."""

_DOCUMENT: Final = "trust.json"
_CONFIG: Final = "trust_config.json"


class TrustFolder:
    """Reads and writes one trust folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def own(self) -> TrustDocument:
        """Return our own trust document.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        if not self._own_path.exists():
            raise InputError(f"{self._own_path} does not exist", remedy="Make a workspace with 'lading init'.")
        return read_trust(_bytes(self._own_path))

    def set_own(self, data: bytes, *, now: datetime) -> TrustDocument:
        """Adopt a signed document as our own: the first one, or the successor of the one that is there.

        Raises:
            InputError: it is not a trust document.
            BadSignature: it does not verify.
        """
        document = self._verify_next(data, self._own_path, now)
        self._adopt(document, data, self._own_path)
        return document

    def partners(self) -> tuple[str, ...]:
        """Return the organizations whose trust documents a person confirmed, sorted."""
        return tuple(sorted(path.parent.name for path in self._path.glob(f"partners/*/{_DOCUMENT}")))

    def partner(self, organization: str) -> TrustDocument:
        """Return a confirmed partner's trust document.

        Raises:
            InputError: we know no such partner, or its document cannot be read.
            BadSignature: the document was altered since it was confirmed.
        """
        if organization not in self.partners():
            known = ", ".join(self.partners()) or "none"
            raise InputError(
                f"{organization!a} is not a confirmed partner; confirmed are: {known}",
                remedy="Add its trust document with 'lading partner add', then confirm its fingerprint.",
            )
        path = self._partner_path(organization)
        return _expect_organization(read_trust(_bytes(path)), organization, path)

    def document(self, organization: str) -> TrustDocument:
        """Return the trust document of an organization: our own, or a confirmed partner's.

        Raises:
            InputError: we do not know the organization.
            BadSignature: the document was altered.
        """
        ours = self._own_path.exists() and self.own().organization == organization
        return self.own() if ours else self.partner(organization)

    def pending(self) -> tuple[TrustDocument, ...]:
        """Return the documents that wait for confirmation, sorted by organization."""
        return tuple(read_trust(_bytes(path)) for path in sorted(self._path.glob("pending/*.json")))

    def add_pending(self, data: bytes, *, now: datetime) -> TrustDocument:
        """Keep a partner's document until a person has compared its fingerprint.

        Raises:
            InputError: it is not a trust document, its Sigstore configuration is broken, it is our own, or a key of
                its log or witness is somebody else's.
            BadSignature: it does not verify, or is not the next version of the one we have confirmed.
        """
        from engine.signing.verification import load_trust_config

        organization = read_trust(data).organization
        if self._own_path.exists() and self.own().organization == organization:
            raise InputError(f"{organization} is this very organization", remedy="Add the document of the other side.")
        document = self._verify_next(data, self._partner_path(organization), now)
        self._demand_unclaimed(document)
        load_trust_config(document.trust_config_text(), what=f"the trust_config of {organization}")
        write_atomic(self._pending_path(organization), data)
        return document

    def confirm(self, organization: str, confirmed: str, *, now: datetime) -> TrustDocument:
        """Trust a pending document from now on, because a person compared its fingerprint.

        Its identities replace those that `identities.toml` has for the organization.

        Args:
            organization: whose document.
            confirmed: the fingerprint as the person got it by another way; case, spaces and hyphens do not matter.
            now: the time.

        Raises:
            InputError: nothing is pending from this organization, or a key of its log or witness is somebody else's.
            BadSignature: the fingerprint is another one, or the document does not verify (any more).
        """
        waiting = self._pending_path(organization)
        if not waiting.exists():
            raise InputError(
                f"no trust document of {organization} is waiting", remedy="Add it with 'lading partner add'."
            )
        data = _bytes(waiting)
        document = self._verify_next(data, self._partner_path(organization), now)
        _expect_organization(document, organization, waiting)
        expected = fingerprint(document).replace("-", "")
        given = confirmed.translate({ord(separator): None for separator in "- :\t\n"}).lower()
        if given != expected:
            raise BadSignature(
                f"the waiting trust document of {organization} has another fingerprint: {fingerprint(document)}",
                remedy="Ask the organization for its fingerprint again. If it stays different, somebody replaced "
                "the document on its way.",
            )
        self._demand_unclaimed(document)
        self._adopt(document, data, self._partner_path(organization))
        waiting.unlink()
        return document

    def organization_trust(self, organization: str) -> OrganizationTrust:
        """Return what bundles of an organization, ours or a partner's, are verified with.

        Raises:
            InputError: we do not know the organization, or one of its files cannot be read.
            BadSignature: its files were altered since they were confirmed.
        """
        document = self.document(organization)
        ours = self._own_path.exists() and self.own() == document
        path = (self._own_path if ours else self._partner_path(organization)).with_name(_CONFIG)
        if _bytes(path).decode("utf-8", "replace").strip() != document.trust_config_text():
            raise BadSignature(
                f"{path} is not what the signed document beside it says",
                remedy=f"Find out who changed it, and restore it from {_DOCUMENT}.",
            )
        identities = self._identities().get(organization, ())
        return _shared(OrganizationTrust(organization, document.trust_config_text(), identities))

    def pins(self) -> tuple[PinnedWitness, ...]:
        """Return every witness that was pinned by hand, sorted by name.

        Raises:
            InputError: a pin cannot be read.
        """
        return read_pins(self._path / "witnesses")

    def witnesses(self) -> tuple[PinnedWitness, ...]:
        """Return the pinned third-party witnesses, sorted by name.

        A pin whose key stands in our own or a partner's trust document is passed over: a party that witnesses
        itself under another name must not make evidence look witnessed. Unless the pin says of that partner that the
        key is not theirs: a trust document does not prove that it is, and whoever pinned it asked its operator.

        Raises:
            InputError: a pin or a trust document cannot be read.
        """
        return tuple(pin for pin in self.pins() if third_parties([pin], self._party_keys(pin.not_of)))

    def witness_keys(self, organization: str) -> tuple[str, ...]:
        """Return the verifier keys of a confirmed partner's witness, without those that a pin says are not theirs.

        Raises:
            InputError, BadSignature: as `partner`.
            InputError: a pin cannot be read.
        """
        others = {pin.public for pin in self.pins() if organization in pin.not_of}
        return tuple(key for key in self.partner(organization).witness_keys if raw_key(key) not in others)

    def former_pins(self) -> tuple[PinnedWitness, ...]:
        """Return the pins that were removed: their cosignatures verify, and count for nothing new.

        Raises:
            InputError: a pin cannot be read.
        """
        return read_pins(self._path / "witnesses" / "former")

    def pin(self, witness: PinnedWitness) -> None:
        """Pin a third-party witness from now on, in place of one of the same name.

        Raises:
            InputError: its key is a party's, and the pin does not say that it is not theirs; or is pinned under
                another name.
        """
        if not third_parties([witness], self._party_keys(witness.not_of)):
            listing = ", ".join(org for org in self.partners() if not third_parties([witness], self._keys_of(org)))
            raise InputError(
                f"the key of {witness.name} is a key of this organization or of a partner"
                + (f": the trust document of {listing} lists it" if listing else ""),
                remedy="Partners' witnesses count without being pinned. If its operator confirmed to you, by another "
                "way, that the key is theirs and not the partner's, say so with '--not-of ORGANIZATION'.",
            )
        same = [pin.name for pin in self.pins() if pin.public == witness.public and pin.name != witness.name]
        if same:
            raise InputError(f"this key is pinned already, as {same[0]}", remedy="Remove that one first, or keep it.")
        write_atomic(self._path / "witnesses" / f"{witness.name}.toml", dump_pin(witness))

    def unpin(self, name: str) -> PinnedWitness:
        """Let a witness count no longer, and return its pin. What it cosigned before can still be verified.

        Raises:
            InputError: there is none of that name.
        """
        for pin in self.pins():
            if pin.name == name:
                write_atomic(self._path / "witnesses" / "former" / f"{name}-{pin.public.hex()[:8]}.toml", dump_pin(pin))
                (self._path / "witnesses" / f"{name}.toml").unlink()
                return pin
        known = ", ".join(pin.name for pin in self.pins()) or "none"
        raise InputError(
            f"no witness {name!a} is pinned; pinned are: {known}", remedy="See 'lading audit witness list'."
        )

    def witness_policy(self) -> bytes | None:
        """Return the witness policy (C2SP tlog-policy) as it was written, or None if there is none.

        Raises:
            InputError: it cannot be read, or is too large.
        """
        path = self._path / "witness-policy"
        try:
            data = read_regular(path, POLICY_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}", remedy="Mend or remove the file.") from error
        if len(data) > POLICY_LIMIT:
            raise InputError(f"{path} has more than {POLICY_LIMIT} bytes", remedy="Write it shorter.")
        return data

    def _demand_unclaimed(self, document: TrustDocument) -> None:
        """Refuse keys that are a pinned witness's or our own.

        Keys of logs and witnesses are public, and a trust document does not prove that its organization has theirs:
        one that lists a third party's would make that witness count for nothing. A key of another partner does no
        harm: what it signs, it signs under its own name. To refuse it would let a partner keep another from a new key.
        """
        owners = {
            pin.public: f"the witness pinned as {pin.name}"
            for pin in self.pins()
            if document.organization not in pin.not_of  # listing it does not count
        }
        if self._own_path.exists():
            ours = self.own()
            owners |= {raw_key(key): ours.organization for key in (*ours.log_keys, *ours.witness_keys)}
        for key in (*document.log_keys, *document.witness_keys):
            if raw_key(key) in owners:
                raise InputError(
                    f"the trust document of {document.organization} lists {key}, which is a key of "
                    f"{owners[raw_key(key)]}",
                    remedy=f"Ask {document.organization} why. If a pinned witness is theirs, remove the pin with "
                    "'lading audit witness remove' first: a partner is no third party.",
                )

    def _party_keys(self, but: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the verifier keys of all logs and witnesses of ourselves and our partners, but for some of these."""
        found = [key for org in self.partners() if org not in but for key in self._keys_of(org)]
        own = self.own() if self._own_path.exists() else None
        return (*found, *own.log_keys, *own.witness_keys) if own else tuple(found)

    def _keys_of(self, organization: str) -> tuple[str, ...]:
        document = self.partner(organization)
        return (*document.log_keys, *document.witness_keys)

    @property
    def _own_path(self) -> Path:
        return self._path / "own" / _DOCUMENT

    def _partner_path(self, organization: str) -> Path:
        return self._path / "partners" / _folder_name(organization) / _DOCUMENT

    def _pending_path(self, organization: str) -> Path:
        return self._path / "pending" / f"{_folder_name(organization)}.json"

    def _identities(self) -> dict[str, tuple[AllowedIdentity, ...]]:
        path = self._path / "identities.toml"
        return load_identities(path) if path.exists() else {}

    def _verify_next(self, data: bytes, path: Path, now: datetime) -> TrustDocument:
        """Verify `data` as what comes after the document in `path`; the same document again is fine."""
        known = _bytes(path) if path.exists() else None
        previous = read_trust(known) if known is not None and known != data else None
        return verify_trust(data, now=now, previous=previous)

    def _adopt(self, document: TrustDocument, data: bytes, path: Path) -> None:
        # The document comes last: after a crash before it, confirming again completes what was begun.
        write_atomic(path.with_name(_CONFIG), document.trust_config_text().encode("utf-8"))
        identities = {**self._identities(), document.organization: document.identities}
        write_atomic(self._path / "identities.toml", dump_identities(identities).encode("utf-8"))
        write_atomic(path, data)


@lru_cache(maxsize=KEPT)
def _shared(trust: OrganizationTrust) -> OrganizationTrust:
    """Return the same object for the same trust: what was verified under it is remembered with it."""
    return trust


def _bytes(path: Path) -> bytes:
    """Read a file that should be small."""
    remedy = "Restore the file from a backup, or add and confirm the document again."
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy=remedy) from error
    if len(data) > LIMIT:
        raise InputError(f"{path} has more than {LIMIT} bytes", remedy=remedy)
    return data


def _folder_name(organization: str) -> str:
    try:
        return check_organization(organization)
    except ValueError as error:
        raise InputError(str(error), remedy="Name the organization as its trust document does.") from None


def _expect_organization(document: TrustDocument, expected: str, path: Path) -> TrustDocument:
    if document.organization != expected:
        raise BadSignature(
            f"{path} is the trust document of {document.organization}, not of {expected}",
            remedy="Find out who moved it, then add and confirm the right document again.",
        )
    return document
