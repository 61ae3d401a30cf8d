"""Record the next dividend of each underlying.

Once a day and underlying, before the Greeks of the session: IB tells only the next dividend and keeps no record of
what it told when, so it is recorded with its day, and counts for sessions from that day on. Nobody is disturbed by what
fails: without an answer nothing is recorded, and it is asked for again in the next window that settles a session.
"""

from collections.abc import Sequence

import structlog

from collector.db.contracts import announced_dividends
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import DatabaseError
from collector.domain.market_data.answers import Failure, Outcome
from collector.domain.market_data.instruments import Underlying
from collector.domain.run_vocabulary import BY_HAND, SETTLING
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished

_IN_VAIN = (Outcome.OTHER_LOGIN, Outcome.DISCONNECTED, Outcome.FARM_DOWN, Outcome.PERMISSION, Outcome.PACING)
"""After these the others need not be asked any more."""

log = structlog.get_logger()


async def collect(finished: Finished, parts: Parts) -> None:
    """Ask what was not told on this day in New York, and keep it.

    Does nothing unless configured, and in windows that settle no session.

    Raises:
        asyncio.CancelledError: the run was interrupted.
    """
    window, settings = finished.order.window, parts.settings
    wanted = window in BY_HAND or settings.windows.role(window) in SETTLING
    if not (settings.greeks.enabled and settings.greeks.ask_dividends and finished.order.option_bars and wanted):
        return
    chosen = [one.underlying for one in finished.prepared if settings.series_for(one.underlying.symbol)]
    try:
        await _ask(chosen, parts)
    except DatabaseError as error:
        log.warning("dividends_not_recorded", error=error.message)


async def _ask(underlyings: Sequence[Underlying], parts: Parts) -> None:
    for underlying in underlyings:
        today = parts.source.now().astimezone(NEW_YORK).date()
        known = await announced_dividends.known_on(parts.db, underlying.id, today)
        if known is not None and known.told_on == today:
            continue
        told = await parts.source.next_dividend(underlying)
        if isinstance(told, Failure):
            log.info("dividend_not_told", symbol=underlying.symbol, outcome=told.outcome.value, message=told.message)
            if told.outcome in _IN_VAIN:
                return
        elif told.ex is not None and not parts.calendar.is_session(told.ex):
            log.warning("dividend_refused", symbol=underlying.symbol, ex=str(told.ex), why="it is no session")
        else:
            await announced_dividends.keep(parts.db, underlying.id, told)
            log.info("dividend_told", symbol=underlying.symbol, ex=str(told.ex), amount=str(told.amount))
