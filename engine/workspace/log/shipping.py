"""Shipping a workspace's log to a collector: from where its place says, batch by batch, once or for ever."""

import random
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine.audit.export.formats import FORMATS, Format
from engine.audit.merkle import leaf_hash
from engine.audit.note import NoteKey
from engine.audit.query.find import Search, Source, find
from engine.audit.query.terms import EVERYTHING
from engine.audit.reader import LogReader
from engine.audit.shipping.backoff import pauses
from engine.audit.shipping.https import HttpsSink
from engine.audit.shipping.place import Place, held, read_place, write_place
from engine.audit.shipping.sink import Batch, NotTaken, Sink
from engine.audit.shipping.syslog import SyslogSink
from engine.digest import JSON, canonical, sha256
from engine.errors import InputError, LogTampered, PartnerUnreachable, UsageError
from engine.workspace.log.export import Prover
from engine.workspace.log.querying import asking
from engine.workspace.log.record import pinned_key
from engine.workspace.log.watch import sizes
from engine.workspace.settings import load_settings

BATCH: Final = 200

_SCHEMES: Final = {"syslog": 514, "syslog+tls": 6514, "https": 443}
_FIT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What is asked for.

    Attributes:
        to: the destination as a URL.
        format: how entries are written.
        name: names the destination's place; None to make it of the URL.
        ca: certificates to trust instead of the system's.
        token: a bearer token for HTTPS.
        patience_seconds: give up when nothing was taken for so long; None to try for ever.
        follow: go on with new entries.
    """

    to: str
    format: str
    name: str | None = None
    ca: Path | None = None
    token: str | None = None
    patience_seconds: float | None = None
    follow: bool = False


def ship_log(
    home: Path,
    shipment: Shipment,
    tell: Callable[[dict[str, JSON]], object],
    wait: Callable[[float], object] = time.sleep,
) -> dict[str, JSON]:
    """Ship what was not shipped yet, and with `follow` what is recorded from then on.

    Args:
        home: the workspace folder.
        shipment: where to, and how.
        tell: told of every batch that was taken, and of every failure that is waited for.
        wait: waits some seconds.

    Raises:
        UsageError: the destination is none.
        InputError: the place is another destination's or another log's.
        LogTampered: the log does not hold what was shipped, or a row is broken.
        WireError: the collector refuses, or patience ran out.
    """
    url = _split(shipment.to)
    name = (
        shipment.name or re.sub(r"[^a-z0-9._-]+", "-", f"{url.scheme}-{url.netloc}{url.path}".lower()).strip("-")[:64]
    )
    if not _FIT.fullmatch(name):
        raise UsageError(f"the name {name!a} cannot name a file", remedy="Use letters, digits, '.', '_' and '-'.")
    with asking(home) as questions:
        layout, log = questions.layout, questions.log
        organization = load_settings(layout.settings).organization.id
        path = layout.shipping / f"{name}.json"
        with held(layout.shipping / f"{name}.lock"):
            place = _taken_up(log, read_place(path), shipment)
            sink = _sink(url, shipment, organization)
            try:
                shipper = _Shipper(pinned_key(layout), log, sink, path, shipment, tell, wait)
                place = shipper.up_to(place, log.size)
                for size in sizes(log, place.next, wait) if shipment.follow else ():
                    place = shipper.up_to(place, size)
            finally:
                sink.close()
    return {"destination": shipment.to, "name": name, "shipped": shipper.shipped, "next": place.next}


@dataclass(slots=True)
class _Shipper:
    key: NoteKey
    log: LogReader
    sink: Sink
    path: Path
    shipment: Shipment
    tell: Callable[[dict[str, JSON]], object]
    wait: Callable[[float], object]
    shipped: int = 0

    def up_to(self, place: Place, size: int) -> Place:
        """Ship all batches below `size`."""
        while place.next < size:
            until = place.until if place.next < place.until <= size else min(size, place.next + BATCH)
            place = replace(place, until=until)
            write_place(self.path, place)
            batch = self._batch(place)
            self._send(batch)
            self.shipped += len(batch.entries)
            place = replace(place, next=until, leaf=leaf_hash(batch.entries[-1].entry.leaf).hex())
            write_place(self.path, place)
            self.tell({"shipped": self.shipped, "next": place.next, "size": size})
        return place

    def _batch(self, place: Place) -> Batch:
        prover = Prover.newest(self.log, [self.key])
        search = Search(EVERYTHING, Source.LEAVES, place.next, place.until, newest_first=False)
        entries = [prover.exported(found, proofs=False) for found in find(self.log, search)]
        key = sha256(canonical([place.origin, place.next, place.until, place.format]))
        return Batch(key, entries)

    def _send(self, batch: Batch) -> None:
        started = time.monotonic()
        for seconds in pauses(random.random):
            try:
                self.sink.send(batch)
            except NotTaken as failure:
                patience = self.shipment.patience_seconds
                if patience is not None and time.monotonic() - started >= patience:
                    raise PartnerUnreachable(
                        f"the collector took nothing for {patience:.0f} s: {failure}",
                        remedy="Run the command again when it is back: it goes on where it stopped.",
                    ) from None
                pause = max(seconds, failure.wait_seconds or 0.0)
                self.tell({"waiting": round(pause, 1), "why": str(failure)})
                self.wait(pause)
            else:
                return


def _taken_up(log: LogReader, place: Place | None, shipment: Shipment) -> Place:
    """Return the place to go on from, having made sure that it is of this destination and this log."""
    fresh = Place(shipment.to, shipment.format, log.origin)
    if place is None:
        return fresh
    if (place.destination, place.format, place.origin) != (fresh.destination, fresh.format, fresh.origin):
        raise InputError(
            f"this name ships {place.origin} to {place.destination} as {place.format}",
            remedy="Choose another --name for another destination, format or log.",
        )
    if place.next:
        rows = log.rows(place.next - 1, 1)
        if not rows or leaf_hash(rows[0].leaf).hex() != place.leaf:
            raise LogTampered(
                f"the audit log does not hold the entry {place.next - 1} that was shipped",
                remedy="Run 'lading audit verify': an older copy may have taken its place.",
            )
    return place


def _split(to: str) -> SplitResult:
    try:
        url = urlsplit(to)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in _SCHEMES or not url.hostname or url.username is not None or url.fragment:
        raise UsageError(
            f"the destination {to!a} is none: expected {', '.join(f'{each}://HOST:PORT' for each in _SCHEMES)}",
            remedy="Give scheme, host and port; a token for HTTPS goes into LADING_SHIP_TOKEN, never into the URL.",
        )
    return url._replace(netloc=f"{url.hostname}:{port or _SCHEMES[url.scheme]}")


def _sink(url: SplitResult, shipment: Shipment, organization: str) -> Sink:
    format_: Format = FORMATS[shipment.format]
    if url.scheme == "syslog":
        return SyslogSink(str(url.hostname), url.port or 514, None, format_, organization)
    try:
        context = ssl.create_default_context(cafile=None if shipment.ca is None else str(shipment.ca))
    except ssl.SSLError as error:
        raise InputError(f"{shipment.ca} holds no certificates: {error}", remedy="Give a file in PEM.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if url.scheme == "https":
        return HttpsSink(url, context, format_, shipment.token)
    return SyslogSink(str(url.hostname), url.port or 6514, context, format_, organization)
