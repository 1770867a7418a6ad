"""Asking the audit log: a small language, read once, answered by SQL and judged by a predicate.

    terms      what a filter is made of
    lexing     its words, each with its place
    parse      text to terms; errors name place, find, expectation and near misses
    complete   what can stand at the cursor, for screens and shells
    match      does an entry meet a filter: the judge
    words      the words of an entry, as free text sees them
    sql        the same filter for SQLite, which only says where to look
    find       entries that meet a filter, each compared with its leaf
    cursor     where a page ended, and of which log and filter it is a page

INVARIANTS
- What SQL selects is shown as true only if the leaf says the same; a row that disagrees is reported as broken.
- `match` and `sql` mean the same (a property test holds them together).
- A page is of the log as it was when the first page was made: new entries shift nothing.

The language is documented in `docs/formats/filter.md`.
"""
