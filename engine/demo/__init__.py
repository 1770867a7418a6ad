"""The guided first run: two organizations on one machine, one real handoff, then three attempts to cheat.

    model          the real model the story hands over, fetched once and pinned by its SHA-256
    organizations  the two workspaces and their gateway processes
    story          the steps, what each must show, and the table at the end

INVARIANT: the story drives the `lading` command and the owner's operations like any user; no part of it is
simulated, and a step that expects a refusal fails when there is none.
"""
