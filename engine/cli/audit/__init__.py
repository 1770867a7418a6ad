"""`lading audit`: the log, for whoever doubts it.

checking    verify
repairing   fsck, repair
reading     show, query
exporting   export, check-export
watching    watch
shipping    ship
following   what ends watch and ship
proving     prove, checkpoint, key
rotating    rotate-key
witnessing  witness add, remove, list, policy check; request-cosignature, add-cosignature
keeping     erase, retain, hold
forking     fork list, check, compare, resolve
tiles       tiles, check-tiles
"""

import click

from engine.cli.audit.checking import verify
from engine.cli.audit.exporting import check_export, export
from engine.cli.audit.forking import fork
from engine.cli.audit.keeping import erase, hold, retain
from engine.cli.audit.proving import checkpoint, key, prove
from engine.cli.audit.reading import query, show
from engine.cli.audit.repairing import fsck, repair
from engine.cli.audit.rotating import rotate_key
from engine.cli.audit.shipping import ship
from engine.cli.audit.tiles import check_tiles, tiles
from engine.cli.audit.watching import watch
from engine.cli.audit.witnessing import add_cosignature, request_cosignature, witness


@click.group()
def audit() -> None:
    """The tamper-evident log: verify it, read it, prove its entries to others."""


COMMANDS = (
    verify,
    fsck,
    repair,
    show,
    query,
    export,
    check_export,
    watch,
    ship,
    prove,
    checkpoint,
    key,
    rotate_key,
    witness,
    request_cosignature,
    add_cosignature,
    erase,
    retain,
    hold,
    fork,
    tiles,
    check_tiles,
)

for command in COMMANDS:
    audit.add_command(command)
