"""What would allow this: the smallest changes that turn a denial into a permit, each tried before it is told.

    reach     what can be changed at all, and by whom
    change    a change, and applying it to a request and its world
    fixes     the changes that would make one condition come out differently
    search    the smallest sets of them that permit

INVARIANTS
- Every set of changes that is told was decided by the guarded engine, and was permitted.
- No part of a set suffices alone.
- The clock and verified facts are never edited. What would make such a fact true is told as an act, with who does it.
"""
