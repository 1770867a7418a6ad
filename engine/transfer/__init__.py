"""Transfer: carries one order from preflight to the partner's verdict, and picks up what was left unfinished.

    outgoing   the table of transfers and their documents
    facts      what policy is told about an artifact, an agreement and a transfer
    source     where an artifact's bytes are: a folder, or the sealed store
    network    the zone that policy permitted, and connections that reach no other
    parts      what the pipeline needs from the workspace, as one frozen bundle
    steps      the steps, each a function from a transfer to the transfer after it
    pipeline   runs steps until the transfer stops, waits or breaks off

INVARIANTS
- A step saves what it did before the next one starts; running a step again does no harm.
- Every effect is recorded in the audit log before anybody can see it.
- Only network errors are tried again. A denial, a bad signature and a digest that differs are final.
- Policy is asked again whenever a connection is made again, and every `reauthorize_seconds` while chunks flow.
- What a permit moves goes to the network zone that policy saw, by the address of the connection itself.
"""
