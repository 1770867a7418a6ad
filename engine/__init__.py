"""lading hands machine-learning models from one organization to another, so that both can prove it later.

The package holds one room per noun of the field. Rooms import downward only; the order, highest first:

    cli > demo > workspace > gateway > transfer > custody > checks > policy, audit, wire > agreement
        > manifest, signing, store > database > events, findings, assets > files > digest > errors

Start with `engine.workspace`: it composes every other room for one organization.
"""

__version__ = "0.1.0"
