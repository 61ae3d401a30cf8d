"""Plan requests for the slots that are missing.

The plan of a run: which slots are missing, as the fewest requests, most urgent first.
"""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.config import Settings
from collector.db.bookkeeping import claims, coverage_table
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.coverage.coverage_rules import NEW_YORK, has_expired
from collector.domain.coverage.request_planning import Work, in_order, overlapping, requests_for
from collector.domain.coverage.selection import Market
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import BY_HAND, Asks
from collector.market.calendar import Calendar
from collector.runs.finished import Prepared
from collector.runs.orders import Order, clipped
from collector.runs.planning import expired_contracts, older_sessions
from collector.runs.preparing import activity_filter
from collector.runs.preparing.contract_scope import dated, market_of, prepared
from collector.runs.preparing.discovery import Discovery
from collector.runs.source import NoSource


async def underlying_work(
    db: Database, calendar: Calendar, data_set: DataSet, underlying: Underlying, order: Order, now: datetime
) -> list[Work]:
    """Return the requests for an underlying's own bars of a kind: the order's sessions, whole as far as they have gone.

    Whole, whatever the window's span: spot, volatility and the meaning of "no data" hang on them. Earlier sessions, at
    which rotation looks too, only where bars of the underlying are expected.
    """
    whole = await older_sessions.looked_at(order, db, calendar, data_set, underlying)
    also = [session.day for session in older_sessions.expected(order, data_set, underlying, whole)]
    sessions = [part for session in whole if (part := clipped(data_set, session, None, now))]
    rows = await coverage_table.missing(db, data_set, underlying.id, sessions, data_set.series, _asks(order), also=also)
    rests = await older_sessions.resting(order, db, data_set, underlying, now)
    requests: list[HistoricalRequest] = []
    for row in rows:
        missing = rests.awake(underlying, row.what_to_show, row.missing)
        if row.what_to_show is WhatToShow.TRADES:
            rest = row.missing - missing
            awake = (
                [session for session in sessions if not Spans((data_set.span(session),)) & rest] if rest else sessions
            )
            missing |= overlapping(data_set, missing, awake)
        requests += requests_for(underlying, data_set, row.what_to_show, missing, sessions)
    return [Work(underlying, tuple(requests))] if requests else []


async def contract_work(
    db: Database, settings: Settings, symbols: Sequence[Prepared], order: Order, now: datetime
) -> list[Work]:
    """Return what is to be asked for the contracts of all symbols, most urgent first.

    Expected slots less covered ones (intraday windows) or less settled ones, and less what a witness called empty in
    the half hour before `now` (the source's time): asked so soon, a second one proves nothing. A forced order asks for
    all expected ones. Contracts that have expired are among them where the source still answers for their expiration
    (see `expired`), and for what is not settled only.
    """
    return _urgent(await _recorded_work(db, settings, symbols, order, now), symbols)


async def lacks_expired(
    db: Database, settings: Settings, symbols: Sequence[Prepared], order: Order, now: datetime
) -> bool:
    """Tell whether contracts that have expired lack something, and their source is not known to have forgotten them."""
    for symbol in symbols:
        gone = await expired_contracts.not_gone(db, symbol, now)
        for data_set in order.option_bars if gone and symbol.sessions else ():
            if await _missing(db, data_set, settings, symbol, order, gone, now):
                return True
    return False


async def _recorded_work(
    db: Database, settings: Settings, symbols: Sequence[Prepared], order: Order, now: datetime
) -> list[Work]:
    work: list[Work] = []
    for symbol in symbols:
        by_id = {contract.id: contract for contract in await expired_contracts.answering(db, symbol, now)}
        if not by_id or not symbol.sessions:
            continue
        for data_set in order.option_bars:
            work += await _work_of(db, settings, symbol, data_set, order, by_id, now)
    return work


async def _work_of(
    db: Database,
    settings: Settings,
    symbol: Prepared,
    data_set: DataSet,
    order: Order,
    by_id: Mapping[int, OptionContract],
    now: datetime,
) -> list[Work]:
    """Return what is to be asked for a symbol's contracts (by id) of one kind of bars."""
    young = await claims.recent(db, data_set, symbol.underlying.id, now) if _asks(order) is Asks.NOT_SETTLED else {}
    rests = await older_sessions.resting(order, db, data_set, symbol.underlying, now)
    requests: dict[int, list[HistoricalRequest]] = {}
    for row in await _missing(db, data_set, settings, symbol, order, list(by_id.values()), now):
        contract = by_id[row.instrument_id]
        missing = row.missing - young.get((row.instrument_id, row.what_to_show), Spans())
        missing = rests.awake(contract, row.what_to_show, missing)
        asked = requests_for(contract, data_set, row.what_to_show, missing, symbol.sessions)
        requests.setdefault(row.instrument_id, []).extend(asked)
    return [Work(by_id[contract_id], tuple(asked)) for contract_id, asked in requests.items() if asked]


async def _missing(
    db: Database,
    data_set: DataSet,
    settings: Settings,
    symbol: Prepared,
    order: Order,
    contracts: Sequence[OptionContract],
    now: datetime,
) -> list[coverage_table.Missing]:
    """Return what is missing; of what has expired never what is settled: the source may have forgotten it."""
    series = settings.series_for(symbol.underlying.symbol)
    if order.fill_columns:
        ids = [contract.id for contract in contracts if not has_expired(contract, now)]
        return await coverage_table.lacking_columns(db, data_set, symbol.underlying.id, symbol.sessions, series, ids)
    gone = [contract.id for contract in contracts if has_expired(contract, now)]
    living = [contract.id for contract in contracts if not has_expired(contract, now)]
    found: list[coverage_table.Missing] = []
    for ids, asks in ((living, _asks(order)), (gone, order.asks)):
        if ids:
            found += await coverage_table.missing(
                db, data_set, symbol.underlying.id, symbol.sessions, series, asks, ids
            )
    return found


def _urgent(work: Sequence[Work], symbols: Sequence[Prepared]) -> list[Work]:
    return in_order(work, {one.underlying.symbol: one.spot for one in symbols if one.spot is not None})


def _asks(order: Order) -> Asks | None:
    return None if order.force else order.asks


async def sample(
    db: Database,
    settings: Settings,
    symbols: Sequence[Prepared],
    order: Order,
    randomness: random.Random,
    now: datetime,
) -> list[Work]:
    """Return a small random share of all requests of the last prepared session, to be read again once it is settled.

    IB corrects bars later now and then; what a second reading changes becomes visible in bar_revisions.
    """
    work: list[Work] = []
    share = settings.repair.resample_share
    for symbol, data_set in itertools.product(symbols, order.option_bars):
        series = settings.series_for(symbol.underlying.symbol)
        by_id = {contract.id: contract for contract in symbol.contracts if not has_expired(contract, now)}
        rows = await coverage_table.missing(
            db, data_set, symbol.underlying.id, symbol.sessions[-1:], series, None, list(by_id)
        )
        for row in randomness.sample(rows, min(len(rows), math.ceil(len(rows) * share))):
            contract = by_id[row.instrument_id]
            asked = tuple(requests_for(contract, data_set, row.what_to_show, row.missing, symbol.sessions))
            work.append(Work(contract, asked))
    return work


@dataclass(slots=True)
class Draft:
    """What an order would ask for, as far as the tables know.

    underlyings: their own bars, asked for before anything else. contracts: most urgent first. symbols: as they would be
    prepared. remarks: what the tables do not know yet, in words.
    """

    underlyings: list[Work] = field(default_factory=list)
    contracts: list[Work] = field(default_factory=list)
    symbols: list[Prepared] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def work(self) -> list[Work]:
        """Return all of it, in the order in which it would be asked for."""
        return [*self.underlyings, *self.contracts]


async def dry(db: Database, calendar: Calendar, settings: Settings, order: Order, at: datetime) -> Draft:
    """Return what an order begun at an instant would ask for; asks no source, changes nothing.

    Contracts that the run would select from the chain as it is known, at the last known price, are among them.
    """
    draft = Draft()
    order = await older_sessions.widened(dated(order, settings, calendar), db, calendar, at)
    if order.window not in BY_HAND and not settings.windows[order.window].asks_for_bars:
        draft.remarks.append("this window asks for no bars")
        return draft
    fresh: list[Work] = []
    for symbol in order.symbols:
        underlying = await contract_store.underlying(db, symbol)
        if underlying is None:
            draft.remarks.append(f"{symbol} is not known yet: its chain is read and selected from when the run begins")
            continue
        sessions = order.parts(symbol, at)
        own_sets = settings.data_sets_for(symbol)
        for data_set in (one for one in order.underlying_bars if one in own_sets):
            draft.underlyings += await underlying_work(db, calendar, data_set, underlying, order, at)
        if not sessions or not any(one in own_sets for one in order.option_bars):
            continue
        market = await market_of(db, calendar, underlying, order.day)
        chosen = await contract_store.selected(db, underlying.id, sessions[0].day, sessions[-1].day)
        chosen, added = await _selection(db, calendar, settings, order, underlying, chosen, market, at)
        ready = await prepared(
            db,
            calendar,
            settings,
            order,
            underlying,
            [*chosen, *added],
            market,
            at,
            unrecorded={contract.id for contract in added},
        )
        draft.symbols.append(ready)
        draft.remarks += await _remarks(db, underlying, ready, market, at)
        wanted = set(ready.contracts)
        for one, data_set in itertools.product([one for one in added if one in wanted], order.option_bars):
            missing = Spans(data_set.span(session) for session in sessions if session.day >= order.day)
            asked = (requests_for(one, data_set, what, missing, sessions) for what in settings.series_for(symbol))
            if requests := tuple(itertools.chain.from_iterable(asked)):
                fresh.append(Work(one, requests))
    recorded = await _recorded_work(db, settings, draft.symbols, order, at)
    for ready in draft.symbols:
        first = await expired_contracts.probes(db, settings, calendar, ready, at)
        recorded += [Work(request.instrument, (request,)) for request in first]
        if first:
            draft.remarks.append(
                f"{ready.underlying.symbol}: of expirations that have passed one contract is asked first; "
                "the others of those that answer come on top"
            )
    draft.contracts = _urgent([*recorded, *fresh], draft.symbols)
    return draft


async def _selection(
    db: Database,
    calendar: Calendar,
    settings: Settings,
    order: Order,
    underlying: Underlying,
    chosen: list[OptionContract],
    market: Market | None,
    at: datetime,
) -> tuple[list[OptionContract], list[OptionContract]]:
    """Return which of the selected contracts the run would keep, and which it would select besides them."""
    if market is None or (chosen and at >= order.session(underlying.symbol).next_open):
        return chosen, []
    known = {contract.id for contract in chosen}
    discovery = Discovery(db, NoSource(db.clock), settings, db.clock, calendar)
    choice = await discovery.choice(underlying, market, history=order.history)
    kept = await activity_filter.active(db, settings.activity, calendar, underlying, order.day, chosen)
    return kept, [contract for contract in choice if contract.id not in known]


async def _remarks(
    db: Database, underlying: Underlying, ready: Prepared, market: Market | None, at: datetime
) -> list[str]:
    symbol = underlying.symbol
    found: list[str] = []
    if market is None:
        found.append(f"no price of {symbol} is known for the session: what is selected already is planned")
    if await contract_store.known_expirations(db, underlying.id, at.astimezone(NEW_YORK).date()) is None:
        found.append(f"the chain of {symbol} is read when the run begins: new contracts come on top")
    if ready.resting:
        found.append(f"{symbol}: {ready.resting:,} contracts wait for their turn in the rotation")
    return found
