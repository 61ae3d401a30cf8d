"""Collect the underlyings' own bars.

Of one kind at a time. A history that a split has changed is read again whole, in the same run where time allows; a run
that is killed meanwhile leaves it to the next one, for what is to be read again counts as missing.
"""

from collections.abc import Awaitable, Callable, Sequence

from collector.db.bars import underlying_bars
from collector.db.contracts import lifecycle
from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.data_sets import DAY, DataSet
from collector.domain.market_data.instruments import Underlying
from collector.domain.market_data.sessions import Session
from collector.runs.dependencies import Parts
from collector.runs.evidence.proving import prove_close
from collector.runs.fetching.storing import Sessions
from collector.runs.finished import Finished
from collector.runs.planning import missing_work, older_sessions

Fetch = Callable[[Sequence[Work], Sessions, Finished, Parts], Awaitable[object]]
"""Fetches and stores work."""


async def collect(
    data_set: DataSet, underlyings: Sequence[Underlying], finished: Finished, parts: Parts, fetch: Fetch
) -> None:
    """Collect what an order lacks of one kind of bars.

    Raises:
        GatewayUnavailable, DatabaseUnavailable: the run cannot go on.
    """
    order, db = finished.order, parts.db
    underlyings = [one for one in underlyings if data_set in parts.settings.data_sets_for(one.symbol)]
    looked_at: dict[str, tuple[Session, ...]] = {}
    for underlying in underlyings:
        looked_at[underlying.symbol] = await older_sessions.looked_at(order, db, parts.calendar, data_set, underlying)
        expected = older_sessions.expected(order, data_set, underlying, looked_at[underlying.symbol])
        await lifecycle.select_underlying(db, data_set, underlying.id, expected)
    if data_set.bar_size >= DAY:
        await _prove(data_set, underlyings, looked_at, finished, parts)
    while True:
        before = len(finished.splits)
        work: list[Work] = []
        for one in underlyings:
            work += await missing_work.underlying_work(db, parts.calendar, data_set, one, order, parts.source.now())
        await fetch(work, Sessions(looked_at, {}, {}, await underlying_bars.latest(db)), finished, parts)
        if len(finished.splits) == before:
            return


async def _prove(
    data_set: DataSet,
    underlyings: Sequence[Underlying],
    looked_at: dict[str, tuple[Session, ...]],
    finished: Finished,
    parts: Parts,
) -> None:
    """Prove that the latest of the sessions that have settled by the clock has closed."""
    now = parts.source.now()
    closed = [(one, own) for one in underlyings for own in looked_at[one.symbol] if own.settles_at < now]
    if closed:
        underlying, session = max(closed, key=lambda pair: pair[1].close)
        stored = await underlying_bars.latest(parts.db)
        await prove_close(finished, parts, data_set, underlying, session, stored)
