"""Shipping a log to collectors, at least once: every entry arrives, some may arrive again after a crash.

    sink      what every destination has in common
    place     how far a destination got, durable
    syslog    RFC 5424 over TCP or TLS (RFC 5425), octet counting (RFC 6587)
    https     batches by POST, each with an idempotency key
    backoff   how long to wait after a failure

INVARIANT: a destination's place moves on only after the other side took the entries before it: for HTTPS it
answered 2xx; for syslog, which has no answers, its TCP acknowledged every byte.
"""
