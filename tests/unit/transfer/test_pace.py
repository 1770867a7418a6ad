"""How fast chunks leave, and how soon they stop."""

import threading
import time
from unittest.mock import Mock

from engine.transfer.courier import paced
from engine.wire.upload import Chunk

CHUNK = Chunk("0" * 64, 1 << 20, Mock())


def test_a_slow_transfer_that_is_told_to_stop_does_not_sleep_out_its_pace() -> None:
    stop = threading.Event()
    chunks = paced(iter([CHUNK, CHUNK]), 1024, stop)
    assert next(chunks) is CHUNK
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()

    assert list(chunks) == []
    assert time.monotonic() - began < 60  # the pace alone would take 1,024 seconds
