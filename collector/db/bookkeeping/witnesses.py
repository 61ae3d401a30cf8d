"""List the series of a session that are called empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.connection.pool import Statements
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A series of a session that is called empty, settled by one witness or not settled yet, and its first witness.

    contract_symbol: the OCC symbol, None on an underlying. state: single_witness, awaiting or held; reason: why it is
    held.
    """

    symbol: str
    contract_symbol: str | None
    what_to_show: WhatToShow
    state: str
    span: Span
    reason: str
    first_sent_at: datetime | None
    first_run_id: int | None
    first_login: str | None


async def of_session(db: Statements, day: date, hours: Span, symbols: Sequence[str] | None = None) -> list[Witnessed]:
    """Return the series of a session (inside `hours`) that are called empty by one witness, or wait for more."""
    rows = await db.fetch(
        "negatives_of_session", day, hours.start, hours.end, None if symbols is None else list(symbols)
    )
    return [Witnessed(**{**row, "what_to_show": WhatToShow(row["what_to_show"])}) for row in rows]
