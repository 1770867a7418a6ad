"""SQLite databases: how they are opened, and how their tables come to be.

A room that keeps tables has its own database file, its own `tables.py` and its own numbered `migrations/`. This
room knows nothing of what they hold.

INVARIANTS
- A database file is readable by its owner alone.
- Whatever was committed survives kill -9 and power loss (WAL with `synchronous=FULL`).
- A migration happens wholly or not at all, once, whoever else migrates at the same time.
- A schema from a newer lading is refused, never guessed at.
"""

from engine.database.connections import open_engine, open_read_only
from engine.database.schema import migrate

__all__ = ["migrate", "open_engine", "open_read_only"]
