"""Custody: what both sides said about a handoff, and the one file that proves it.

    statements   the signed statements of a handoff: offer, acceptance, delivery receipt, verdict, approval, and the
                 custody link of whoever hands on what they received
    links        the chain of earlier handoffs that comes with what is handed on
    bill         the bill of lading: its format, how it is signed and sealed
    annex, age   what replays a party's decisions; encrypted to auditors
    account      verifying a bill offline, from pinned trust alone
    examination  one run of that: logs, decisions, approvals, earlier (handoffs), and its grading

INVARIANTS
- Every statement names the transfer, the offer it answers and the agreement it stands under; none can be moved to
  another handoff.
- A statement counts only after its signature verified under the trust pinned for the organization that must make it.
- A bill has one encoding. Changing any byte of it makes it unacceptable.

Formats: `docs/formats/statements.md`, `docs/formats/bill.md`.
"""
