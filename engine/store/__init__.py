"""The sealed store: what partners delivered, content-addressed, encrypted at rest, and whole after a crash.

Everything received under one agreement lives in one *scope*, which has its own key pair: `Sealer` seals to the
public key and can read nothing back, `Store` holds the private key and reads. A listener facing the network needs
no secret that opens what it stored. Destroying a scope's private key is deletion.

    store = Store(folder, FileKeySource(keys))
    scope = store.open_scope(agreement)
    Sealer(folder, scope.public, names_key).put(sha256, data)     # in any process, from any thread
    store.read(scope, sha256)                                     # in the owner alone

Invariants:
    1. When `put` returns, the blob survives kill -9 and power loss.
    2. A name is visible only once all of its bytes are durable: no reader ever sees half a blob.
    3. Nothing is returned whose SHA-256 was not recomputed from the bytes on disk.
    4. Names on disk tell nothing about content, not even to somebody who has the same file.
    5. Each sealed file has a data key of its own, and each frame a random nonce.

The byte formats are in `docs/formats/store.md`: HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and
AES-256-GCM for each file's head; AES-256-GCM (NIST SP 800-38D) for each frame; AES key wrap (RFC 3394) under
HKDF-SHA256 (RFC 5869) for private keys.
"""

from engine.store.inventory import Inventory
from engine.store.keys import FileKeySource, KeySource, read_key
from engine.store.scope import Scope
from engine.store.sealed import CHUNK_LIMIT, PACK_BLOBS, PACK_LIMIT
from engine.store.sealer import Sealer
from engine.store.store import Store

__all__ = [
    "CHUNK_LIMIT",
    "PACK_BLOBS",
    "PACK_LIMIT",
    "FileKeySource",
    "Inventory",
    "KeySource",
    "Scope",
    "Sealer",
    "Store",
    "read_key",
]
