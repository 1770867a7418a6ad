"""Rolling policies out: from an edited file to the bundle that decides, and back.

    snapshot      the files of a policy folder at one moment
    store         the policy database
    examination   is a snapshot good, and what would it change
    approval      the signed statement by which a second person lets a bundle decide
    lifecycle     propose, approve, activate, roll back, shadow
    active        the bundle that decides now, for the judge
    watch         a change on disk becomes a candidate

    file changes ─▶ candidate ─┬─▶ broken | failing      the active bundle stays
                               └─▶ ready ─▶ proposed ─▶ active ─▶ superseded
                                   (author)   (approver, signed)      └─▶ active again, by rollback

INVARIANTS
- What decides is the newest activation in the database, never the folder: an edit changes nothing until a second
  person has approved its digest.
- An activation is in the audit log before any process decides by it.
- The author of a bundle never approves it, and an approval counts once, for one bundle on top of one other.
- Whatever goes wrong, the bundle that was active stays so.
"""
