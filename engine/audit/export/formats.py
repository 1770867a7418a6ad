"""The formats of exports, by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.audit.export import cloudevents, jsonl, ocsf, sheet
from engine.audit.export.record import Exported


@dataclass(frozen=True, slots=True)
class Format:
    """How a file of entries is written and read, a line for each entry.

    Attributes:
        name: as `--as` takes it.
        media_type: of a file or a body of an HTTP request.
        write: the line of an entry, without its end.
        read: an entry with its proof, from such a line.
        opening: what stands before the first line.
        between: what stands between lines.
        closing: what stands after the last one.
        closing_empty: what follows the opening where there is no line.
    """

    name: str
    media_type: str
    write: Callable[[Exported], str]
    read: Callable[[str], Exported]
    opening: str = ""
    between: str = "\n"
    closing: str = "\n"
    closing_empty: str = ""

    def parts(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the pieces of a file with these lines."""
        yield self.opening
        empty = True
        for line in lines:
            yield line if empty else self.between + line
            empty = False
        yield self.closing_empty if empty else self.closing


FORMATS: Final = {
    each.name: each
    for each in (
        Format("jsonl", "application/x-ndjson", jsonl.write, jsonl.read),
        Format("csv", "text/csv", sheet.write, sheet.read, f"{sheet.heading()}\r\n", "\r\n", "\r\n"),
        Format("ocsf", "application/x-ndjson", ocsf.write, ocsf.read),
        Format(
            "cloudevents",
            "application/cloudevents-batch+json",
            cloudevents.write,
            cloudevents.read,
            "[\n",
            ",\n",
            "\n]\n",
            "]\n",
        ),
    )
}
