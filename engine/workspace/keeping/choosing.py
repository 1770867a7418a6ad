"""Which entries a person means: a filter, indices, people. Everything that keeps or erases asks here."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.audit.entry import Entry, pseudonym
from engine.audit.query.find import Search, Source, find
from engine.audit.query.parse import Asker, parse
from engine.audit.query.terms import EVERYTHING, All, Like, Places, Some, Term
from engine.audit.reader import LogReader
from engine.audit.schema import tampered
from engine.errors import InputError
from engine.workspace.keys import secret_key
from engine.workspace.office import Office
from engine.workspace.operations import Params

_SPAN = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?")


def entry_span(text: str) -> str:
    """Check indices: `12`, or `12-20`."""
    match = _SPAN.fullmatch(text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise ValueError(f"found {text!r}, expected an index such as 12, or a range such as 12-20")
    return text


class Choice(Params):
    """Which entries: a filter (`docs/formats/filter.md`), indices, who acted. All have to hold; of several, any."""

    filter: Annotated[str, Field(max_length=4096)] = ""
    entries: Annotated[tuple[Annotated[str, AfterValidator(entry_span)], ...], Field(max_length=10_000)] = ()
    actors: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=320)], ...], Field(max_length=100)] = ()

    def term(self, office: Office) -> Term:
        """Return what is meant, with people by their pseudonyms and moments as they are now.

        Raises:
            FilterError: the filter cannot be read.
        """
        key = secret_key(office.layout.keys, "pseudonym")
        asker = Asker(office.clock(), lambda name: pseudonym(key, office.identity(name)))
        terms = [parse(self.filter, asker)] if self.filter.strip() else []
        if self.entries:
            terms.append(Some(tuple(_places(span) for span in self.entries)))
        if self.actors:
            terms.append(Some(tuple(Like("actor", asker.pseudonym(name)) for name in self.actors)))
        return All(tuple(terms)) if len(terms) != 1 else terms[0]

    def expect_there(self, size: int) -> None:
        """Check that every entry that is named by its index is there.

        Raises:
            InputError: the log of `size` entries does not reach so far.
        """
        for span in self.entries:
            last = int(span.rpartition("-")[2])
            if last >= size:
                raise InputError(
                    f"the audit log has no entry {last}, it has {size}", remedy="Name entries from 'lading audit show'."
                )


def chosen(log: LogReader, term: Term, size: int) -> Iterator[Entry]:
    """Yield the entries below `size` that a filter means, oldest first, each judged by its leaf.

    Raises:
        LogTampered: a row does not say what its leaf says.
    """
    for found in find(log, Search(term, Source.LEAVES, 0, size, newest_first=False)):
        if found.entry is None:
            raise tampered(f"entry {found.row.index}: {found.why}")
        yield found.entry


def means_everything(term: Term) -> bool:
    """Say whether a filter was left empty."""
    return term == EVERYTHING


def _places(span: str) -> Places:
    first, _, last = span.partition("-")
    return Places(int(first), int(last or first))
