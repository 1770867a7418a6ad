"""The audit log: what happened, in an order and a wording that nobody can change unseen.

Start reading at `log` (the one writer) and `verify` (what anybody can check); the rest is below them.

    log          AuditLog: makes events durable, signs a checkpoint per batch
    batch        what waits for the next commit
    reader       LogReader: the same log for screens, read-only, a proof per row
    verify       every leaf, column, tile, payload and signature compared again
    likeness     most rows compared in one step
    held         since when a log does not hold together
    meaning      what each kind of problem means, and what to do
    erasure      payloads that are gone: which are, by the word of which entry
    removal      and how they go without a trace
    holds        which nobody may erase, by the word of which entry
    retention    and how long they are kept
    selection    which entries somebody means
    fsck         everything derived from the log, computed again and compared
    repair       and rebuilt, if all that is not derived holds together
    milestone    up to where this machine verified its log in full
    witness      cosign a partner's checkpoint only if it extends the last one seen
    quorum       whose cosignatures make a checkpoint count as witnessed
    fork         two checkpoints that contradict each other, as a file to hand on
    continuation a log goes on under the next origin: restored, or under another key
    remembered   checkpoints kept outside the database, against a rolled-back copy
    query        the filter language: parsed, asked of SQL, judged by leaves
    search       the full-text index beside the log
    export       entries in other formats, and files that are evidence
    shipping     the log to a collector, at least once
    static       the log as a folder of tiles and entry bundles, for cold storage and other people's tools
    against_tiles such a folder held against the log
    against_witness the log held against what a witness saw of it
    proof        one entry's inclusion as a text anybody can check offline
    entry        events as leaves: canonical JSON, pseudonyms, commitments
    schema       the tables, and how the database is opened
    tiles        hashes stored in tiles of 256, and proofs from them
    checkpoint   origin, size and root, signed
    note         signed notes and cosignatures
    merkle       RFC 6962 hashing and proofs, nothing else

INVARIANTS
- An index, once given, belongs to its entry for ever; the tree over the leaves only grows.
- Whatever `AuditLog` returned survives kill -9 and power loss.
- Evidence is a leaf with its proof; an index or a column only says where to look.
- The newest checkpoint covers every entry.

The formats are those of C2SP (signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-witness,
tlog-policy and tlog-proof) over RFC 6962 trees and CloudEvents 1.0; `docs/formats/audit.md` has the bytes and test
vectors.
"""
