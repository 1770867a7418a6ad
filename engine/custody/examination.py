"""One examination of one bill: each step proves one thing, in the order of the handoff, and says so."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from engine.agreement import Agreement, parse_agreement, standing
from engine.audit.note import decode_base64, open_note
from engine.checks.signatures import Evidence, check_signatures
from engine.custody.account import Account, Statement
from engine.custody.annex import Annex
from engine.custody.answers import check_answer
from engine.custody.approvals import check_approvals
from engine.custody.bill import ABSENT, BILL_TYPE, AnnexNamed, Bill, BillV1, SealedBill, seal_text
from engine.custody.decisions import DecisionTold, demand_cited, found_by, told_decisions
from engine.custody.earlier import tell_earlier
from engine.custody.grading import Grading, keys_of
from engine.custody.logs import RECEIVER_EVENTS, SENDER_EVENTS, ProvedLog, demand_events, open_further, prove_log
from engine.custody.statements import Acceptance, Answer, DeliveryReceipt, Offer, Verdict
from engine.digest import JSON, canonical, sha256
from engine.errors import EvidenceError, InputError, IntegrityError, SignatureError
from engine.events import SKEW, timestamp
from engine.manifest import Manifest, parse_manifest
from engine.signing.organization_trust import Signed
from engine.signing.trust_document import TrustDocument
from engine.signing.trust_folder import TrustFolder
from engine.text import counted, printable

if TYPE_CHECKING:
    from pyrage.x25519 import Identity


_ANSWERS: Final[Mapping[str, type[Answer]]] = {"acceptance": Acceptance, "receipt": DeliveryReceipt, "verdict": Verdict}

_PIN_BOTH: Final = "With --trust, name a folder in which both parties are pinned, such as trust/ of either's workspace."


class Examination:
    """One run over one bill; collects what it proved.

    Args:
        sealed: the bill, read.
        trust: what is pinned.
        identities: private keys of age, for encrypted annexes.

    Raises:
        InputError: a pinned witness or the witness policy cannot be read.
    """

    def __init__(self, sealed: SealedBill, trust: TrustFolder, identities: "tuple[Identity, ...]" = ()) -> None:
        self._sealed = sealed
        self._bill = sealed.bill
        self._trust = trust
        self._grading = Grading.of(trust)
        self._identities = identities
        self._unfit: dict[str, str] = {}
        self._proved: list[str] = []
        self._statements: list[Statement] = []
        self._times: list[tuple[str, datetime]] = []

    def account(self) -> Account:
        """Prove everything, or raise at the first thing that does not hold.

        Raises:
            EvidenceError: something does not hold.
            InputError: something is unreadable.
        """
        bill = self._bill
        self._check_parties()
        annexes = self._check_annexes()
        self._check_issued()
        manifest = self._check_artifact()
        offer, offered = self._check_offer()
        agreement = self._check_agreement(offer)
        answers = self._check_answers(offer, offered)
        logs = self._check_logs(offered, answers)
        earlier = self._check_custody(offer, manifest.organization, logs)
        decisions: tuple[DecisionTold, ...] = ()
        findings: tuple[Mapping[str, JSON], ...] = ()
        if isinstance(bill, Bill):
            logs = self._open_further(logs, annexes)
            decisions = tuple(self._decisions(logs, offer, Acceptance.read(answers["acceptance"]), annexes))
            findings = tuple(each for log in logs.values() for each in found_by(log))
            self._check_approvals(offer, logs[bill.sender])
            self._check_times(logs.values())
        return Account(
            format=bill.format,
            transfer=bill.transfer,
            artifact=f"{manifest.name}:{manifest.version}",
            root=bill.artifact,
            sender=bill.sender,
            receiver=bill.receiver,
            agreement=agreement.digest,
            purpose=offer.purpose,
            issuer=bill.issuer,
            verdict=Verdict.read(answers["verdict"]).verdict,
            proved=tuple(self._proved),
            grade=self._grading.grade(logs, self._parties()),
            statements=tuple(self._statements),
            decisions=decisions,
            findings=findings,
            annexes=self._annex_states(annexes),
            earlier=earlier,
            left_out=bill.left_out if isinstance(bill, Bill) else {},
        )

    def _check_custody(self, offer: Offer, origin: str, logs: Mapping[str, ProvedLog]) -> tuple[str, ...]:
        """Prove how the sender came to hold the artifact, and that both logs show the chain that says so."""
        if not isinstance(self._bill, Bill):
            return ()
        if offer.custody is not None:
            for log in logs.values():
                demand_events(log, {"custody.linked": "chain of custody"}, {"chain of custody": offer.custody})
        return tuple(tell_earlier(self._bill, offer, origin, self._trust))

    def _check_parties(self) -> None:
        bill = self._bill
        if bill.sender == bill.receiver or bill.issuer not in (bill.sender, bill.receiver):
            raise _broken(f"its issuer {bill.issuer} is not one of two different parties")
        if set(bill.logs) != {bill.sender, bill.receiver}:
            raise _broken(f"it has log evidence of {', '.join(sorted(bill.logs)) or 'nobody'}, expected both parties'")

    def _check_annexes(self) -> dict[str, Annex]:
        """Hold every annex to the two digests that bind it; return those that can be read here."""
        bill, beside = self._bill, self._sealed.annexes or {}
        named = bill.annexes if isinstance(bill, Bill) else {}
        absent = bill.absent if isinstance(bill, Bill) else {}
        if set(beside) != set(named) or not set(named) <= {bill.sender, bill.receiver}:
            raise _broken(f"it names annexes of {sorted(named)} and has those of {sorted(beside)}")
        if not set(absent) <= {bill.sender, bill.receiver} - set(named) - {bill.issuer}:
            raise _broken(f"it says that it lacks the annexes of {sorted(absent)}")
        opened: dict[str, Annex] = {}
        for org, binding in named.items():
            data = decode_base64(beside[org], what=f"the annex of {org}")
            if sha256(data) != binding.sealed:
                raise _broken(f"the annex of {org} is another than the one it names")
            with self._forgiving(org):
                annex = self._open(org, binding, data)
                if annex is not None:
                    opened[org] = annex
        return opened

    def _open(self, org: str, binding: AnnexNamed, data: bytes) -> Annex | None:
        plaintext = self._decrypt(data) if binding.encryption == "age" else data
        if plaintext is None:
            return None
        if sha256(plaintext) != binding.plaintext:
            raise _broken(f"the annex of {org} opens to another text than the one it names")
        return Annex.parse(plaintext, organization=org, transfer=self._bill.transfer)

    @contextmanager
    def _forgiving(self, org: str) -> Iterator[None]:
        """Take note of an annex that does not hold, where the issuer could not know.

        INVARIANT: what one party encrypts for auditors cannot spoil the bill that the other party issues.
        """
        try:
            yield
        except EvidenceError as error:
            if org == self._bill.issuer:
                raise
            self._unfit[org] = printable(str(error))

    def _open_further(self, logs: Mapping[str, ProvedLog], annexes: dict[str, Annex]) -> dict[str, ProvedLog]:
        """Open what the annexes open; one that opens something else is taken out."""
        further = dict(logs)
        for org, annex in list(annexes.items()):
            with self._forgiving(org):
                further[org] = open_further(logs[org], annex.openings)
            if org in self._unfit:
                del annexes[org]
        return further

    def _decrypt(self, data: bytes) -> bytes | None:
        if not self._identities:
            return None
        from engine.custody.age import decrypt

        return decrypt(data, self._identities)

    def _annex_states(self, opened: Collection[str]) -> dict[str, str]:
        bill = self._bill
        states = dict.fromkeys((bill.sender, bill.receiver), "none")
        if isinstance(bill, Bill):
            states |= {org: f"absent: {ABSENT[why]}" for org, why in bill.absent.items()}
            states |= dict.fromkeys(bill.annexes, "sealed for others")
        states |= {org: f"does not hold: {why}" for org, why in self._unfit.items()}
        return states | dict.fromkeys(opened, "opened")

    def _check_issued(self) -> None:
        """The issuer's identity covers the bill; its log key covers every byte, those of the signature too."""
        bill, note = self._bill, self._sealed.seal.encode()
        try:
            self._parties()
        except InputError as error:
            raise IntegrityError(f"the trust at hand lacks a party to the bill: {error}", remedy=_PIN_BOTH) from error
        with _naming("signature"):
            signed = self._verify(bill.issuer, self._sealed.signature, BILL_TYPE)
        if signed.payload != bill.statement():
            raise _broken("its signature is over another bill")
        with _naming("seal"):
            opened = open_note(note, keys_of(self._trust.document(bill.issuer).log_keys))
        expected_lines = 4  # two of text, one empty, one signature
        if opened.text != seal_text(bill, self._sealed.signature) or note.count(b"\n") != expected_lines:
            raise _broken("its seal is over other content than this bill and this signature")
        self._proved.append(f"issued by {signed.signatory.identity} for {bill.issuer} at {signed.time:%F %T}Z")

    def _check_artifact(self) -> Manifest:
        bill = self._bill
        manifest = parse_manifest(bill.manifest.encode())
        if manifest.root != bill.artifact:
            raise _broken(f"its manifest describes {manifest.root}, not {bill.artifact}")
        owner = manifest.organization
        evidence = Evidence(
            manifest=manifest,
            model_signature=canonical(self._bundle("model")),
            manifest_attestation=canonical(self._bundle("manifest")),
            origin=self._trust.organization_trust(owner),
        )
        for finding in check_signatures(evidence):
            raise _broken(f"{finding.subject}: {finding.message}")
        self._proved.append(f"{owner} signed its {counted(len(manifest.files), 'files')} and its manifest")
        return manifest

    def _check_offer(self) -> tuple[Offer, Signed]:
        bill = self._bill
        signed = self._signed("offer", bill.sender, Offer.predicate_type())
        offer = Offer.read(signed)
        stated = (offer.transfer, offer.sender, offer.receiver, offer.artifact)
        if stated != (bill.transfer, bill.sender, bill.receiver, bill.artifact):
            raise _broken("its offer is about another handoff")
        if offer.manifest != sha256(bill.manifest.encode()):
            raise _broken("its offer is about another manifest")
        own = bill.decision if isinstance(bill, BillV1) and bill.issuer == bill.sender else None
        if own is not None and sha256(own.encode())[:32] != offer.decision.id:
            raise _broken("its decision record is not the one the offer cites")
        self._proved.append(f"{offer.sender} offered it for {offer.purpose!r} ({signed.signatory.identity})")
        self._state("offer", bill.sender, signed, f"for {offer.purpose!r}, asked for by {offer.requester}")
        return offer, signed

    def _check_agreement(self, offer: Offer) -> Agreement:
        bill = self._bill
        agreement = parse_agreement(bill.agreement.encode())
        if agreement.digest != offer.agreement or {agreement.provider, agreement.consumer} != {
            bill.sender,
            bill.receiver,
        }:
            raise _broken("its agreement is not the one the offer cites")
        bundles = {org: canonical(self._bundle(f"agreement:{org}")) for org in (bill.sender, bill.receiver)}
        trusts = {org: self._trust.organization_trust(org) for org in bundles}
        documents = {org: self._trust.document(org).digest for org in bundles}
        stands = standing(agreement, bundles, trusts, offer.issued, documents=documents)
        if not stands.in_force:
            raise _broken(f"the agreement was not in force: {'; '.join(p.message for p in stands.problems)}")
        self._proved.append(f"both parties signed agreement {agreement.id}, in force when it was offered")
        for org, signed in stands.signed.items():
            self._state(f"agreement:{org}", org, signed, f"agreement {agreement.id}")
        return agreement

    def _check_answers(self, offer: Offer, offered: Signed) -> dict[str, Signed]:
        answers: dict[str, Signed] = {}
        for name, kind in _ANSWERS.items():
            signed = self._signed(name, self._bill.receiver, kind.predicate_type())
            answer = kind.read(signed)
            check_answer(answer, offer, offered.payload)
            if isinstance(answer, Verdict) and answer.receipt != sha256(answers["receipt"].payload):
                raise _broken("its verdict is about another receipt")
            answers[name] = signed
            said = f"{name}: {answer.verdict}" if isinstance(answer, Verdict) else name
            self._proved.append(f"{self._bill.receiver} signed the {said} ({signed.signatory.identity})")
            self._state(name, self._bill.receiver, signed, _says(answer))
        return answers

    def _check_logs(self, offered: Signed, answers: Mapping[str, Signed]) -> dict[str, ProvedLog]:
        """Prove that each party's log holds its events of this handoff."""
        digests = {name: sha256(signed.payload) for name, signed in answers.items()}
        digests["offer"] = sha256(offered.payload)
        bill, parties = self._bill, self._parties()
        logs: dict[str, ProvedLog] = {}
        for owner, other, events in (
            (bill.sender, bill.receiver, SENDER_EVENTS),
            (bill.receiver, bill.sender, RECEIVER_EVENTS),
        ):
            witnesses = [*self._grading.witness_keys(parties[other]), *self._grading.known(parties.values())]
            with _naming(f"evidence of the log of {owner}"):
                logs[owner] = log = prove_log(
                    owner,
                    bill.logs[owner],
                    transfer=bill.transfer,
                    log_keys=keys_of(parties[owner].log_keys),
                    witness_keys=witnesses,
                )
            demand_events(log, events, digests)
            names = [_witness(each.key.name) for each in log.signed.cosigned]
            by = f", witnessed by {', '.join(names)}" if names else ""
            self._proved.append(f"the log of {owner} holds it, at size {log.checkpoint.size}{by}")
        return logs

    def _parties(self) -> dict[str, TrustDocument]:
        return {org: self._trust.document(org) for org in (self._bill.sender, self._bill.receiver)}

    def _decisions(
        self, logs: Mapping[str, ProvedLog], offer: Offer, acceptance: Acceptance, annexes: Mapping[str, Annex]
    ) -> Iterator[DecisionTold]:
        """Bind the decisions of both sides to their logs; those the statements cite must be there."""
        bill, states = self._bill, self._annex_states(annexes)
        for owner, cited, name in (
            (bill.sender, offer.decision, "offer"),
            (bill.receiver, acceptance.decision, "acceptance"),
        ):
            demand_cited(logs[owner], cited, name)
            self._proved.append(f"the log of {owner} holds the permit that its {name} cites ({cited.id})")
            yield from told_decisions(logs[owner], cited.id, bill.artifact, annexes.get(owner, states[owner]))

    def _check_approvals(self, offer: Offer, log: ProvedLog) -> None:
        decided = [entry for entry in log.entries if entry.payload is not None]
        for name, signed, says in check_approvals(
            self._bill.signatures, offer, log, decided, self._trust.organization_trust(offer.sender)
        ):
            self._state(name, offer.sender, signed, says)
            self._proved.append(f"{signed.signatory.identity} of {offer.sender} signed the {name}: {says}")

    def _check_times(self, logs: Iterable[ProvedLog]) -> None:
        """Hold the statements to their order, and to the witnesses' clocks that saw them logged.

        The offer comes before its answers; nothing that a cosigned log holds is younger than the cosignature, as far
        as the clocks of signer and witness agree with that of the log between them.
        """
        times = dict(self._times)
        order = [name for name in ("offer", "acceptance", "receipt", "verdict") if name in times]
        for before, after in pairwise(order):
            if times[after] < times[before] - SKEW:
                raise _broken(f"its {after} is signed at {times[after]:%F %T}Z, before its {before}")
        newest = max(times[name] for name in order)
        for log in logs:
            for seen in log.signed.cosigned:
                if (seen.time or 0) < (newest - 2 * SKEW).timestamp():
                    by = _witness(seen.key.name)
                    raise _broken(f"{by} saw the log of {log.owner} before the last statement in it was signed")

    def _state(self, name: str, organization: str, signed: Signed, says: str) -> None:
        self._times.append((name, signed.time))
        self._statements.append(
            Statement(
                name=name,
                organization=organization,
                signer=signed.signatory.identity,
                time=timestamp(signed.time),
                says=says,
            )
        )

    def _bundle(self, name: str) -> dict[str, Any]:
        try:
            return self._bill.signatures[name]
        except KeyError:
            raise _broken(f"it lacks the signature {name!r}") from None

    def _signed(self, name: str, organization: str, predicate_type: str) -> Signed:
        bundle = self._bundle(name)
        with _naming(name):
            return self._verify(organization, bundle, predicate_type)

    def _verify(self, organization: str, bundle: object, predicate_type: str) -> Signed:
        trust = self._trust.organization_trust(organization)
        return trust.verify(canonical(bundle), predicate_type=predicate_type, limit=64 << 20)


def _says(answer: Answer) -> str:
    match answer:
        case Acceptance():
            return f"will take it until {timestamp(answer.deadline)}"
        case DeliveryReceipt():
            return f"holds all {answer.size} bytes"
        case Verdict():
            return ", ".join([answer.verdict, *answer.findings])
        case _:
            return ""


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Say in which part of the bill it was that a signature does not hold or something is unreadable."""
    try:
        yield
    except SignatureError as error:
        raise type(error)(f"the bill's {part} does not hold: {error}", remedy=error.remedy) from error
    except InputError as error:
        raise IntegrityError(f"the bill's {part} is unreadable: {error}", remedy=error.remedy) from error


def _witness(name: str) -> str:
    return name.removesuffix("/lading/witness")


def _broken(why: str) -> EvidenceError:
    return IntegrityError(f"the bill does not hold: {why}", remedy="Do not rely on it; ask its issuer for another.")
