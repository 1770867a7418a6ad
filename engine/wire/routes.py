"""What a partner may ask a gateway for, and how large each body may be. Listener and owner share this table.

Chunks and packs are not in it: they go no further than the listener.
"""

from dataclasses import dataclass
from typing import Final

TRANSFER: Final = "{transfer:tr-[0-9a-f]{24}}"
TRANSFERS: Final = "/v1/transfers"
TILE: Final = r"{tile:[0-9]{1,2}/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?}"

OFFER_LIMIT: Final = 64 << 20
AGREEMENT_LIMIT: Final = 10 << 20
WITNESS_LIMIT: Final = 128 << 10
ANNEX_REQUEST_LIMIT: Final = 8 << 10
ANSWER_LIMIT: Final = 32 << 20
"""The most bytes any answer may have."""

REFUSALS_PATH: Final = "/refusals"
"""Where a listener tells its owner what it refused. No listener passes a partner's request on to it."""
REFUSALS_LIMIT: Final = 1 << 20
MOST_REFUSALS: Final = 256
"""How many kinds of refusals are told in one request."""
WHY_LIMIT: Final = 500
"""The most characters that say what was found."""

CHUNK_PATH: Final = f"{TRANSFERS}/{TRANSFER}/chunks/{{sha256:[0-9a-f]{{64}}}}"
PACK_PATH: Final = f"{TRANSFERS}/{TRANSFER}/packs"

PEER_HEADER: Final = "Lading-Peer-Certificate"
ADDRESS_HEADER: Final = "Lading-Peer-Address"
"""Set by a listener for the owner: the peer's leaf, DER in base64. From outside it is never passed on."""


@dataclass(frozen=True, slots=True)
class Route:
    """One thing to ask for.

    Attributes:
        name: which of the `Handlers` answers.
        method: of HTTP.
        path: pattern as aiohttp's router reads it.
        limit: the most bytes of its body; 0 if it has none.
    """

    name: str
    method: str
    path: str
    limit: int = 0


ROUTES: Final = (
    Route("offer", "POST", TRANSFERS, OFFER_LIMIT),
    Route("status", "GET", f"{TRANSFERS}/{TRANSFER}"),
    Route("missing", "GET", f"{TRANSFERS}/{TRANSFER}/missing"),
    Route("commit", "POST", f"{TRANSFERS}/{TRANSFER}/commit"),
    Route("evidence", "GET", f"{TRANSFERS}/{TRANSFER}/evidence"),
    Route("witnessed_evidence", "GET", f"{TRANSFERS}/{TRANSFER}/evidence/witnessed"),
    Route("record", "GET", f"{TRANSFERS}/{TRANSFER}/record"),
    Route("annex", "POST", f"{TRANSFERS}/{TRANSFER}/annex", ANNEX_REQUEST_LIMIT),
    Route("agreement", "POST", "/v1/agreements", AGREEMENT_LIMIT),
    Route("add_checkpoint", "POST", "/v1/witness/add-checkpoint", WITNESS_LIMIT),
    Route("checkpoint", "GET", "/v1/log/checkpoint"),
    # C2SP tlog-tiles, hashes only: tiles of entries would show a partner what others do here.
    Route("tile", "GET", rf"/v1/log/tile/{TILE}"),
    Route("tile_of", "GET", rf"/v1/logs/{{log:0|[1-9][0-9]{{0,8}}}}/tile/{TILE}"),
    Route("trust", "GET", "/v1/trust"),
)
