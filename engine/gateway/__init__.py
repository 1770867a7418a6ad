"""Gateway: the receiver's side of a handoff, and the loops that keep an organization honest while it runs.

    incoming   the table of transfers that partners send, and their documents
    parts      what the gateway needs from the workspace, as one frozen bundle
    offers     examining an offer: who made it, is it whole, does policy take it
    arrival    what happens after the last byte: checks, verdict, release or quarantine
    handlers   the answers to partners' requests (implements `engine.wire.control.Handlers`)
    agreements     what partners propose and sign
    checkpoints    what partners' logs showed, held against each other; `third_parties` are asked to cosign ours
    refusals   what was refused to whoever proved nothing, counted and recorded
    loops      witnessing, asking policy again, finishing what a crash left

INVARIANTS
- Every answer that promises something is durable and in the audit log before it is sent.
- A partner learns of its own transfers only, and of a denial only what policy discloses.
- Nothing received is readable before a verdict released it.
"""
