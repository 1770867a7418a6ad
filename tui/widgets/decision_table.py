"""The table of recorded decisions."""

from tui.state.decision_lines import Columns, decision_line, heading
from tui.state.line import Line
from tui.state.session import Session
from tui.widgets.table import Table


class DecisionTable(Table):
    """Shows a docket; the cursor stays on its decision when newer ones come above it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.glyphs, empty="no decisions yet")
        self._session = session
        self._held: int | None = None

    def count(self) -> int:
        """Return how many decisions are shown."""
        return len(self._session.docket)

    def heading(self, width: int) -> Line:
        """Return the names of the columns."""
        return heading(Columns.of(width - 1))

    def line(self, position: int, width: int) -> Line:
        """Return the line of one decision."""
        session = self._session
        decision = session.docket.decision(position)
        if decision is None:
            return ()
        proof = session.ledger.proof(decision.row)
        return decision_line(decision, proof, session.clock(), Columns.of(width), self.glyphs)

    def held(self) -> int | None:
        """Return where the line stands that the cursor came to."""
        return None if self._held is None else self._session.docket.position(self._held)

    def hold(self) -> None:
        """Remember the line that the cursor came to."""
        docket = self._session.docket
        self._held = docket.index(self.cursor) if self.cursor < len(docket) else None
