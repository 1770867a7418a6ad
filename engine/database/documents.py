"""Documents beside rows: signed statements and records that a transfer gathers, kept byte for byte by name."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, insert, select

from engine.database.gone import Gone


class Documents:
    """The documents in one table with the columns `transfer`, `name` and `body`."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._table = table

    def put(self, connection: Connection, transfer: str, documents: Mapping[str, bytes]) -> None:
        """Keep documents of a transfer, in place of any with the same names, inside an open transaction."""
        for name, body in documents.items():
            connection.execute(delete(self._table).where(self._at(transfer, name)))
            connection.execute(insert(self._table).values(transfer=transfer, name=name, body=body))

    def get(self, transfer: str, name: str) -> bytes | None:
        """Return a document of a transfer, or None if it has none of that name."""
        query = select(self._table.c.body).where(self._at(transfer, name))
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def forget(self, connection: Connection, transfer: str, gone: Gone, copies: Collection[str]) -> None:
        """Remove the documents of a transfer that contain erased words, inside an open transaction.

        Args:
            connection: the transaction.
            transfer: whose documents.
            gone: the words.
            copies: names, up to a colon if they have one, of documents that copy payloads whole or encrypt them; they
                go whatever they say.
        """
        query = select(self._table.c.name, self._table.c.body).where(self._table.c.transfer == transfer)
        for name, body in connection.execute(query).all():
            if name.partition(":")[0] in copies or gone.document(body):
                connection.execute(delete(self._table).where(self._at(transfer, name)))

    def _at(self, transfer: str, name: str) -> ColumnElement[bool]:
        return (self._table.c.transfer == transfer) & (self._table.c.name == name)
