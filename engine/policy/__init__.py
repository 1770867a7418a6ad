"""Policy: Cedar decides who may do what, and every answer says why.

    source      the files of a policy folder, cut into statements with their places
    settings    what a folder's `bundle.toml` says
    marking     findings with file, line, column, and what may have been meant
    checks      one statement: parsed, validated, linted
    actions     the action hierarchy of the schema; groups written out
    lint        what Cedar's validator lets pass or does not say
    overlap     policies that another covers, attributes nobody reads
    bundle      a policy folder, checked and compiled: `PolicyBundle.load`
    model       requests, entities, decisions
    directory   people and services, from `directory.yaml`
    fitting     whether a directory and a bundle fit together
facts       verified facts, put into a request: `build_request`
    closure     the entities a request can reach, and references that lead nowhere
    guard       what a raw answer of Cedar counts for
    engine      `PolicyEngine.decide`
    raw         Cedar's own answer, to compare with
    atoms       policies split into single conditions
    wording     conditions as Cedar text
    values      the values a condition looked at
    explain     which conditions made a denial, with their values
    question    a request made ready to be asked
    misfits     what does not fit the schema, by its path
    record      a decision as canonical JSON
    judge       asks, records the answer, and only then gives it
    documents   files that people write, read strictly
    requests    requests and entities as JSON files
    kept        values that take long to make, kept by weight
    tree        walking syntax trees
    recorded    a recorded decision with what it rested on
    what_if     what would allow what was denied
    rollout     from an edited file to the bundle that decides
    workbench   what a security team does to policies: suites and all that follows

INVARIANTS
- Nothing permits but a Cedar permit that no guard objects to. Errors, missing facts, dangling references and
  anything unforeseen deny, and the decision names the guard that spoke (`Decision.failsafe`).
- A forbid that fails to evaluate denies. Cedar alone would skip it.
- Entities are always checked against the schema, and action groups are written out when a bundle is compiled:
  without a schema Cedar knows no action hierarchy, and a forbid on a group would silently not apply.
- The clock belongs to the engine: a request that brings its own is denied.
- A bundle never changes after it was loaded, and may be used from several threads.

Implements Cedar 4 (https://docs.cedarpolicy.com) through cedarpy. Formats: `docs/formats/decision.md`,
`docs/formats/directory.md`. Callers import the submodule they need: `bundle` and `engine` load Cedar.
"""
