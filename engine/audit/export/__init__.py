"""Entries in other people's formats, each with its proof when asked for.

    record       what is exported of an entry, and how it is read back and verified
    jsonl        leaf and payload as they are, a line each
    sheet        CSV that no spreadsheet executes
    ocsf         OCSF 1.1.0 events, a line each
    cloudevents  a CloudEvents 1.0 JSON batch
    formats      all of them by name
    check        is an exported file evidence: offline, with nothing but the log's key

INVARIANT: an export with proofs can be read back into leaf, payload, salt and proof, and written again from these
alone to the same bytes; so whatever a line shows is what its proof proves.

The formats are described in `docs/formats/export.md`.
"""
