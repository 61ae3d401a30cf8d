"""Choose which selected contracts an order is about.

Which of the selected contracts an order is about: its scope, and whose turn it is where contracts are rotated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from collector.config import SelectionSettings, Settings
from collector.db.bars import underlying_bars
from collector.db.bookkeeping import coverage_table
from collector.db.connection.pool import Database, Statements
from collector.db.contracts import contract_tables as contract_store
from collector.domain.coverage.coverage_rules import has_expired
from collector.domain.coverage.rotation import LOOKBACK, due_before, phase
from collector.domain.coverage.selection import Market
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import SETTLING, Scope
from collector.market.calendar import Calendar
from collector.runs.finished import NotPrepared, Prepared
from collector.runs.orders import Order

_TURNS = timedelta(days=21)
"""Holds the last turn of every contract, holidays included."""


def rotated(order: Order, settings: Settings, symbol: str) -> bool:
    """Return whether an order leaves contracts of a symbol out until their turn.

    A run by hand, a backfill and --force ask for all.
    """
    settles = settings.windows.role(order.window) in SETTLING
    return settles and not order.force and settings.rotation_for(symbol).enabled


def dated(order: Order, settings: Settings, calendar: Calendar) -> Order:
    """Return an order with its sessions looked up, which go with it through the run.

    With rotation they reach a week back, as far as one request does.
    """
    since = order.day
    for _ in range(order.sessions_back):
        since = calendar.previous(since)
    sessions = {}
    for symbol in order.symbols:
        first = min(since, order.day - LOOKBACK) if rotated(order, settings, symbol) else since
        sessions[symbol] = calendar.sessions(symbol, first, order.day)
    return replace(order, since=since, sessions=sessions)


async def market_of(db: Statements, calendar: Calendar, underlying: Underlying, day: date) -> Market | None:
    """Return the market by the last bars of a session day, or of the session before it; None: there are none."""
    session = calendar.session(underlying.symbol, day)
    before = calendar.session(underlying.symbol, calendar.previous(day))
    found = await underlying_bars.last_level(db, underlying.id, Span(before.open, session.close))
    return None if found is None else Market(day, found.close, found.implied_volatility)


def in_scope(
    contracts: Sequence[OptionContract], order: Order, rules: SelectionSettings, market: Market | None
) -> list[OptionContract]:
    """Return which of an underlying's contracts the order's scope holds, in their order."""
    if order.scope is Scope.EXPIRING:
        near = []
    elif order.scope is Scope.EXPIRING_AND_NEAR:
        near = rules.nearness().near(contracts, order.day, market)
    else:
        return list(contracts)
    wanted = {one for one in contracts if one.expiration == order.day}.union(near)
    return [one for one in contracts if one in wanted]


async def prepared(
    db: Database,
    calendar: Calendar,
    settings: Settings,
    order: Order,
    underlying: Underlying,
    chosen: Sequence[OptionContract],
    market: Market | None,
    now: datetime,
    *,
    lacking: tuple[NotPrepared, ...] = (),
    unrecorded: Collection[int] = (),
) -> Prepared:
    """Return a symbol as an order collects it: of the chosen contracts those in its scope, and whose turn it is.

    What has expired is among them as long as anything of it is missing and not lost.

    Args:
        db: the database.
        calendar: the exchange's.
        settings: scope and rotation.
        order: what is asked.
        underlying: whose contracts.
        chosen: the selected ones.
        market: where the underlying stands; None: not known.
        now: by the source's clock.
        lacking: what of the chain could not be had.
        unrecorded: ids of chosen contracts whose selection, from the order's day on, is not in the database.
    """
    symbol = underlying.symbol
    sessions = order.parts(symbol, now)
    spot = None if market is None else market.spot
    series = settings.series_for(symbol)
    wanted = in_scope(chosen, order, settings.selection_for(symbol), market)
    gone = [contract.id for contract in wanted if has_expired(contract, now)]
    if gone:
        rows = await coverage_table.missing(db, OPTION_BARS_5MIN, underlying.id, sessions, series, order.asks, gone)
        whole = set(gone) - {row.instrument_id for row in rows}
        wanted = [contract for contract in wanted if contract.id not in whole]
    if not rotated(order, settings, symbol):
        return Prepared(underlying, sessions, tuple(wanted), spot, lacking)
    bounds = _bounds(calendar, settings, symbol, order.day, wanted, market)
    rows = await coverage_table.missing(db, OPTION_BARS_5MIN, underlying.id, sessions, series, order.asks, list(bounds))
    first_missing = {contract_id: session.open for session in sessions[-1:] for contract_id in unrecorded}
    for row in rows:
        start = row.missing.hull.start
        first_missing[row.instrument_id] = min(start, first_missing.get(row.instrument_id, start))
    resting = {
        contract_id
        for contract_id, bound in bounds.items()
        if contract_id in first_missing and first_missing[contract_id] >= bound
    }
    awake = tuple(contract for contract in wanted if contract.id not in resting)
    return Prepared(underlying, sessions, awake, spot, lacking, len(resting))


async def pending(
    db: Database, settings: Settings, calendar: Calendar, underlying: Underlying, day: date
) -> dict[int, datetime]:
    """Return the instants from which slots of rotated contracts are not due yet on a settled session.

    Slots from there on wait for the contract's turn: they are no gaps.

    Returns:
        By contract id, of the contracts selected for that session; empty without rotation.
    """
    if not settings.rotation_for(underlying.symbol).enabled:
        return {}
    market = await market_of(db, calendar, underlying, day)
    contracts = await contract_store.selected(db, underlying.id, day, day)
    return _bounds(calendar, settings, underlying.symbol, day, contracts, market)


async def due_ids(
    db: Database, underlying: Underlying, session: Session, waiting: Mapping[int, datetime]
) -> list[int] | None:
    """Return the contracts selected for a session of which it is due; None: all of them. `waiting`: see `pending`."""
    if not waiting:
        return None
    contracts = await contract_store.selected(db, underlying.id, session.day, session.day)
    return [one.id for one in contracts if one.id not in waiting or waiting[one.id] > session.open]


def _bounds(
    calendar: Calendar,
    settings: Settings,
    symbol: str,
    day: date,
    contracts: Sequence[OptionContract],
    market: Market | None,
) -> dict[int, datetime]:
    """Return the instants up to which slots of the far ones among contracts are due on a session day."""
    every = settings.rotation_for(symbol).every_sessions
    sessions, number = calendar.sessions(symbol, day - _TURNS, day), calendar.number(day)
    by_phase = [due_before(sessions, number, own, every) or sessions[0].open for own in range(every)]
    far = settings.selection_for(symbol).nearness().far(contracts, day, market)
    return {one.id: by_phase[phase(one.id, every)] for one in far}
