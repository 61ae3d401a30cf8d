"""Ask for contracts that have expired.

Ask for contracts that have expired, one of an expiration first; what two nights deny is lost.

A contract is asked for bars of which some are stored already, between two living ones of the same series: that they
answer and it does not is what makes its answer count. The answers are read from the requests on record, so that a run
goes on where another one stopped.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import structlog

from collector.config import Settings
from collector.db.bookkeeping import gaps_table, requests_table
from collector.db.bookkeeping.requests_table import RequestRecord
from collector.db.connection.pool import Database
from collector.db.contracts import passed_expirations
from collector.domain.coverage.coverage_rules import NEW_YORK, has_expired
from collector.domain.coverage.depth import SEEN_WITHIN, depth
from collector.domain.coverage.purge import WITNESSES, Judgement, Standing, judge
from collector.domain.market_data.answers import Answer, HistoricalRequest
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract, Underlying, WhatToShow
from collector.market.calendar import Calendar
from collector.runs.dependencies import Parts
from collector.runs.finished import Finished, Prepared
from collector.runs.source import MarketDataSource
from collector.runs.tally import Tally

_CONTROLS = 40
"""Living contracts nearest the money among which two with stored bars are looked for."""
_RECENT = timedelta(days=7)
log = structlog.get_logger()


async def answering(db: Database, symbol: Prepared, now: datetime) -> list[OptionContract]:
    """Return the contracts of a symbol that may be asked for: the living, and what has expired and still answers."""
    answers = {contract.id for contract in await _expired(db, symbol, now, {Standing.ANSWERS})}
    return [one for one in symbol.contracts if one.id in answers or not has_expired(one, now)]


async def not_gone(db: Database, symbol: Prepared, now: datetime) -> list[OptionContract]:
    """Return the contracts of a symbol that have expired, but for those that are known to be forgotten."""
    return await _expired(db, symbol, now, set(Standing) - {Standing.GONE})


async def _expired(
    db: Database, symbol: Prepared, now: datetime, standings: Collection[Standing]
) -> list[OptionContract]:
    gone = [contract for contract in symbol.contracts if has_expired(contract, now)]
    found = await judged(db, symbol.underlying, {contract.expiration for contract in gone}, now)
    return [contract for contract in gone if found[contract.expiration].standing in standings]


async def judged(db: Database, underlying: Underlying, passed: Iterable[date], now: datetime) -> dict[date, Judgement]:
    """Return how expirations stand that have passed, by the requests on record."""
    days = sorted(passed)
    if not days:
        return {}
    depths = await remembered(db, now)
    asked = await passed_expirations.asked(db, OPTION_BARS_5MIN, underlying.id, days, depths)
    counts = Counter(one.expiration for one in await passed_expirations.contracts(db, underlying.id, days))
    return {day: judge(asked.get(day, ()), now, counts[day]) for day in days}


async def remembered(db: Database, now: datetime) -> dict[WhatToShow, timedelta]:
    """Return how far back the source remembers each series of options."""
    seen = await requests_table.depths(db, OPTION_BARS_5MIN, now - SEEN_WITHIN)
    return {what: depth(OPTION_BARS_5MIN, what, seen.get(what)) for what in OPTION_BARS_5MIN.series}


async def probes(
    db: Database, settings: Settings, calendar: Calendar, symbol: Prepared, now: datetime
) -> list[HistoricalRequest]:
    """Return what is asked tonight of expirations that have passed, before anything else of theirs.

    One request an expiration: for the session of the latest stored bar that the source should remember. Where there is
    none, ASK of the three contracts nearest the money.
    """
    passed = {contract.expiration for contract in symbol.contracts if has_expired(contract, now)}
    standing = await judged(db, symbol.underlying, passed, now)
    unasked = [day for day in sorted(passed) if standing[day].standing is Standing.UNASKED]
    if not unasked:
        return []
    # Also contracts of which nothing is missing: their bars are known best.
    by_id = {
        contract.id: contract for contract in await passed_expirations.contracts(db, symbol.underlying.id, unasked)
    }
    depths, series = await remembered(db, now), settings.series_for(symbol.underlying.symbol)
    found: dict[date, list[HistoricalRequest]] = {}
    for contract_id, what, at in await passed_expirations.known(
        db, list(by_id), {what: now - depths[what] for what in series}
    ):
        # On a day that turned out to be no session there is nothing to ask for.
        is_session = calendar.is_session(OPTION_BARS_5MIN.day_of(at, NEW_YORK))
        if is_session and by_id[contract_id].expiration not in found:
            found[by_id[contract_id].expiration] = [_request(by_id[contract_id], what, at, calendar)]
    quotes = WhatToShow.ASK if WhatToShow.ASK in series else series[0]
    for expiration in set(unasked) - set(found):
        last = max(session.open for session in symbol.sessions if session.day <= expiration)
        of_it = [contract for contract in by_id.values() if contract.expiration == expiration]
        found[expiration] = [_request(one, quotes, last, calendar) for one in _near(of_it, symbol)[:WITNESSES]]
    return [request for expiration in unasked for request in found[expiration]]


async def ask(finished: Finished, parts: Parts) -> None:
    """Ask one contract of each expiration that has passed and lacks something, between two that live."""
    for symbol in (one for one in finished.prepared if one.sessions):
        asked = await probes(parts.db, parts.settings, parts.calendar, symbol, parts.source.now())
        series = sorted({request.what_to_show for request in asked})
        controls = [await _controls(symbol, what, parts) for what in series]
        for batch in ([one[0] for one in controls if one], asked, [one[-1] for one in controls if one]):
            records = await asyncio.gather(*(_asked(request, parts.source, finished.tally) for request in batch))
            async with parts.db.transaction(requests_table.PREPARED) as transaction:
                await requests_table.record(transaction, records, finished.run_id)
        if asked:
            log.info("expired_asked", symbol=symbol.underlying.symbol, requests=len(asked))


async def lost(db: Database, underlying: Underlying, now: datetime) -> list[gaps_table.Gap]:
    """Mark as lost what the source has been shown not to have any more, and return it: each gap is told once."""
    passed = await gaps_table.expirations_with_gaps(db, underlying.id, now.astimezone(NEW_YORK).date())
    standing = await judged(db, underlying, passed, now)
    reasons = {day: found.reason for day, found in standing.items() if found.standing is Standing.GONE}
    forgotten = await gaps_table.mark_lost(db, underlying.id, reasons)
    return forgotten + await gaps_table.mark_old_lost(db, OPTION_BARS_5MIN, underlying.id, await remembered(db, now))


async def _controls(symbol: Prepared, what: WhatToShow, parts: Parts) -> list[HistoricalRequest]:
    """Return requests of two living contracts that should have bars: stored ones, else those nearest the money."""
    now, last = parts.source.now(), symbol.sessions[-1].open
    near = _near((one for one in symbol.contracts if not has_expired(one, now)), symbol)[:_CONTROLS]
    by_id = {contract.id: contract for contract in near}
    known = await passed_expirations.known(parts.db, list(by_id), {what: now - _RECENT})
    asked = [one for one in known if parts.calendar.is_session(OPTION_BARS_5MIN.day_of(one[2], NEW_YORK))]
    times = {contract_id: at for contract_id, _, at in asked} | {one.id: last for one in near if not asked}
    return [_request(by_id[contract_id], what, at, parts.calendar) for contract_id, at in list(times.items())[:2]]


def _near(contracts: Iterable[OptionContract], symbol: Prepared) -> list[OptionContract]:
    return sorted(contracts, key=lambda one: (abs(one.strike - (symbol.spot or one.strike)), one.expiration, one.right))


def _request(contract: OptionContract, what: WhatToShow, at: datetime, calendar: Calendar) -> HistoricalRequest:
    """Return the request for the whole session that holds an instant."""
    session = calendar.session(contract.symbol, OPTION_BARS_5MIN.day_of(at, NEW_YORK))
    return HistoricalRequest(contract, OPTION_BARS_5MIN, what, OPTION_BARS_5MIN.span(session))


async def _asked(request: HistoricalRequest, source: MarketDataSource, tally: Tally) -> RequestRecord:
    """Ask once: whatever comes of it is on record, and nothing is given up on for it. Emptiness claims nothing."""
    sent_at = source.now()
    outcome = await source.historical(request)
    tally.attempted(request, outcome)
    bars = outcome.bars if isinstance(outcome, Answer) else ()
    inside = [bar for bar in bars if bar.time in request.span]
    return RequestRecord(
        instrument=request.instrument,
        data_set=request.data_set,
        what_to_show=request.what_to_show,
        span=request.span,
        sent_at=outcome.sent_at if isinstance(outcome, Answer) else sent_at,
        answered_at=outcome.answered_at if isinstance(outcome, Answer) else source.now(),
        outcome=outcome.outcome,
        code=None if isinstance(outcome, Answer) else outcome.code,
        message="" if isinstance(outcome, Answer) else outcome.message,
        bars=len(inside),
        first_bar=inside[0].time if inside else None,
    )
