"""Commands that go on until somebody ends them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Let SIGTERM, as service managers send it, end the block as Ctrl-C does: by `KeyboardInterrupt`."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
