"""Sizes, rates and times as people read them. Every result has a bounded width."""

from datetime import UTC, datetime

KIBI = 1024
MINUTE, HOUR, DAY = 60, 3600, 86400


def size(count: float) -> str:
    """Write a number of bytes: `312 B`, `1.8 GiB` (at most 8 characters up to PiB)."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < KIBI:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004
        value /= KIBI
    return f"{value:.1f} PiB"


def rate(bytes_per_second: float) -> str:
    """Write a speed: `112 MiB/s`."""
    return f"{size(bytes_per_second)}/s"


def duration(seconds: float) -> str:
    """Write a time left or passed: `4s`, `2:05`, `3h12`, `5d` (at most 5 characters up to 99 days)."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}:{whole % MINUTE:02d}"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02d}"
    return f"{whole // DAY}d"


def coarse(seconds: float) -> str:
    """Write a time passed in one unit: `4s`, `33m`, `12h`, `5d`."""
    whole = max(0, int(seconds))
    for unit, length in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def age(moment: datetime, now: datetime) -> str:
    """Write how long ago something was: `3s ago`, or `in 5s` when the clock says it is still to come."""
    seconds = (now - moment).total_seconds()
    return f"{coarse(seconds)} ago" if seconds > -1 else f"in {coarse(-seconds)}"


def day_and_time(moment: datetime) -> str:
    """Write a moment in UTC to the second: `2026-06-01 12:00:00`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def share(done: int, total: int) -> float:
    """Return how much is done as a number from 0 to 1; nothing to do is all done."""
    return 1.0 if total <= 0 else min(1.0, max(0.0, done / total))


def percent(done: int, total: int) -> str:
    """Write a share in four characters; only what is complete says 100%."""
    return f"{min(99, int(share(done, total) * 100)) if done < total else 100:3d}%"
