"""Workspace: an organization's folder, and every other room composed for it. The door for command line and screens.

    layout, settings, keys   where things are, what they are set to, what must stay secret
    owner, acting            one owner process; operations reach it or become it
    office, dialing          the rooms of one organization, opened when first used; how partners are reached
    operations               what people can have done, by name
    service                  the owner as a gateway
    witnessing, witness_round, witness_alarms, forks   who cosigns this log, and what was found out about others'
    witness_folder, witness_service, cosigning         a witness that is nobody's partner
    opening                  the log of the next origin, begun so that a crash anywhere is finished by repeating
    continuing               after a restore, and whether each log goes on from the former one
    rotating                 when the key of the log is rotated
    logs                     the log that is written now and the former ones, to be read
    authorizing, settling    what a second person signs, and what follows from the log about it
    creation, issuing        making a workspace; issuing its trust document
    partners, agreements, record, doctor, views     reading, without an owner

INVARIANTS
- One process owns a workspace at a time; only the owner writes its log, its store and its sandbox.
- Every effect is an operation, decided and recorded before it is visible.
- A workspace is created wholly or not at all.
"""
