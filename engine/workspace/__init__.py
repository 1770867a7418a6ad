"""Workspace: an organization's folder, and every other room composed for it. The door for command line and screens.

    layout, settings, keys, zones   where things are, what they are set to, what must stay secret
    owner, acting            one owner process; operations reach it or become it
    office, dialing          the rooms of one organization, opened when first used; how partners are reached
    operations               what people can have done, by name
    service                  the owner as a gateway
    log                      the audit log: recorded, searched, shown, exported, shipped; and the former ones
    origins                  where the log goes on: after a restore, with another key
    keeping                  retention, holds, erasure, backups
    witness                  who cosigns this log, what was found out about others', a witness that is nobody's partner
    governing                what was decided and why; which policies decide, and how that changes
    custody                  what was received, what is handed on, and what proves it
    authorizing, settling    what a second person signs, and what follows from the log about it
    creation, issuing        making a workspace; issuing its trust document
    partners, people, agreements, doctor, views     reading, without an owner

INVARIANTS
- One process owns a workspace at a time; only the owner writes its log, its store and its sandbox.
- Every effect is an operation, decided and recorded before it is visible.
- A workspace is created wholly or not at all.
"""
