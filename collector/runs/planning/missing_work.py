"""Plan requests for the slots that are missing.

The plan of a run: which slots are missing, as the fewest requests, most urgent first.
"""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.config import Settings
from collector.db.bookkeeping import claims, coverage_table
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.domain.coverage.coverage_rules import NEW_YORK, has_expired
from collector.domain.coverage.request_planning import Work, in_order, requests_for
from collector.domain.coverage.selection import Market
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.domain.market_data.spans import Spans
from collector.domain.run_vocabulary import Asks, Window
from collector.market.calendar import Calendar
from collector.runs.finished import Prepared
from collector.runs.orders import Order, clipped
from collector.runs.planning import expired_contracts, older_sessions
from collector.runs.preparing import activity_filter
from collector.runs.preparing.contract_scope import dated, market_of, prepared
from collector.runs.preparing.discovery import Discovery
from collector.runs.source import NoSource


async def underlying_work(db: Database, underlying: Underlying, order: Order, now: datetime) -> list[Work]:
    """Return the requests for an underlying's own bars: the order's sessions, whole as far as they have gone.

    Whole, whatever the window's span: spot, volatility and the meaning of "no data" hang on them. Earlier sessions, at
    which rotation looks too, only where contracts were selected.
    """
    looked_at, own = order.sessions[underlying.symbol], [session.day for session in order.own(underlying.symbol)]
    work = []
    for data_set in order.underlying_bars:
        sessions = [part for session in looked_at if (part := clipped(data_set, session, None, now))]
        series, asks = data_set.series, _asks(order)
        rows = await coverage_table.missing(db, data_set, underlying.id, sessions, series, asks, also=own)
        rests = await older_sessions.resting(order, db, data_set, underlying, now)
        awake = ((row.what_to_show, rests.awake(underlying, row.what_to_show, row.missing)) for row in rows)
        asked = (requests_for(underlying, data_set, what, missing, sessions) for what, missing in awake)
        if requests := tuple(itertools.chain.from_iterable(asked)):
            work.append(Work(underlying, requests))
    return work


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
        if gone and symbol.sessions and await _missing(db, settings, symbol, order, gone, now):
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
        settling = _asks(order) is Asks.NOT_SETTLED
        young = await claims.recent(db, order.option_bars, symbol.underlying.id, now) if settling else {}
        rests = await older_sessions.resting(order, db, order.option_bars, symbol.underlying, now)
        requests: dict[int, list[HistoricalRequest]] = {}
        for row in await _missing(db, settings, symbol, order, list(by_id.values()), now):
            contract = by_id[row.instrument_id]
            missing = row.missing - young.get((row.instrument_id, row.what_to_show), Spans())
            missing = rests.awake(contract, row.what_to_show, missing)
            asked = requests_for(contract, order.option_bars, row.what_to_show, missing, symbol.sessions)
            requests.setdefault(row.instrument_id, []).extend(asked)
        work.extend(Work(by_id[contract_id], tuple(asked)) for contract_id, asked in requests.items() if asked)
    return work


async def _missing(
    db: Database,
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
        return await coverage_table.lacking_columns(
            db, order.option_bars, symbol.underlying.id, symbol.sessions, series, ids
        )
    gone = [contract.id for contract in contracts if has_expired(contract, now)]
    living = [contract.id for contract in contracts if not has_expired(contract, now)]
    found: list[coverage_table.Missing] = []
    for ids, asks in ((living, _asks(order)), (gone, order.asks)):
        if ids:
            found += await coverage_table.missing(
                db, order.option_bars, symbol.underlying.id, symbol.sessions, series, asks, ids
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
    for symbol in symbols:
        series = settings.series_for(symbol.underlying.symbol)
        by_id = {contract.id: contract for contract in symbol.contracts if not has_expired(contract, now)}
        rows = await coverage_table.missing(
            db, order.option_bars, symbol.underlying.id, symbol.sessions[-1:], series, None, list(by_id)
        )
        for row in randomness.sample(rows, min(len(rows), math.ceil(len(rows) * share))):
            contract = by_id[row.instrument_id]
            asked = tuple(requests_for(contract, order.option_bars, row.what_to_show, row.missing, symbol.sessions))
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
    if order.window is not Window.MANUAL and not settings.windows[order.window].asks_for_bars:
        draft.remarks.append("this window asks for no bars")
        return draft
    fresh: list[Work] = []
    for symbol in order.symbols:
        underlying = await contract_store.underlying(db, symbol)
        if underlying is None:
            draft.remarks.append(f"{symbol} is not known yet: its chain is read and selected from when the run begins")
            continue
        sessions = order.parts(symbol, at)
        draft.underlyings += await underlying_work(db, underlying, order, at)
        if not sessions or order.option_bars not in settings.data_sets_for(symbol):
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
        missing = Spans(order.option_bars.span(one) for one in sessions if one.day >= order.day)
        wanted = set(ready.contracts)
        for one in added if missing else ():
            if one in wanted:
                series = settings.series_for(symbol)
                asked = (requests_for(one, order.option_bars, what, missing, sessions) for what in series)
                fresh.append(Work(one, tuple(itertools.chain.from_iterable(asked))))
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
