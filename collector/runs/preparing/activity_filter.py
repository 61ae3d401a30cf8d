"""Leave out contracts that hardly trade.

Leaving out contracts that hardly trade: the activity filters of selection.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from collector.config.activity_settings import ActivitySettings
from collector.db.connection.pool import Statements
from collector.db.contracts import traded_activity as activity_store
from collector.domain.coverage.activity_rules import ActivityRules, is_active
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.market.calendar import LATE_CLOSE_PRODUCTS, Calendar

_LEAST_SHARE = 4
"""A contract with less than one in so many of the sessions looked at has no history yet."""


async def active(
    db: Statements,
    settings: ActivitySettings,
    calendar: Calendar,
    underlying: Underlying,
    day: date,
    candidates: Sequence[OptionContract],
) -> list[OptionContract]:
    """Return the candidates that are active enough, in their order; all of them while the filters are off.

    Contracts that hold data of the day's week, or too little history, are kept: a series must not break in the middle.

    Args:
        db: the database.
        settings: the filters.
        calendar: the sessions.
        underlying: whose contracts.
        day: the session for which contracts are chosen; the sessions before it are looked at.
        candidates: contracts with database ids.
    """
    if not settings.enabled or not candidates:
        return list(candidates)
    latest = calendar.session(underlying.symbol, calendar.previous(day))
    first = latest.day
    for _ in range(settings.history_sessions):
        first = calendar.previous(first)
    monday = day - timedelta(days=day.weekday())
    week = calendar.session(underlying.symbol, calendar.next(monday - timedelta(days=1)))
    known = await activity_store.activities(
        db, underlying.id, latest, calendar.session(underlying.symbol, first).open, week.open
    )
    rules = ActivityRules(
        open_interest_etf=settings.min_open_interest_etf,
        open_interest_stock=settings.min_open_interest_stock,
        daily_volume=settings.min_daily_volume,
        unusual_times=settings.unusual_times,
        history_sessions=settings.history_sessions // _LEAST_SHARE,
    )
    is_etf = underlying.symbol in LATE_CLOSE_PRODUCTS
    return [
        contract
        for contract in candidates
        if contract.id not in known or is_active(known[contract.id], is_etf=is_etf, rules=rules)
    ]
