"""The plan of a run: which slots are missing, as the fewest requests, most urgent first."""

import math
import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from collector.config import Settings
from collector.db import contracts as contract_store
from collector.db import coverage
from collector.db.pool import Database
from collector.domain.answers import HistoricalRequest
from collector.domain.coverage import has_expired
from collector.domain.instruments import WhatToShow
from collector.domain.planning import Work, in_order, requests_for
from collector.market.calendar import Calendar
from collector.pipeline.orders import Order, Prepared, order_sessions


async def contract_work(
    db: Database, prepared: Sequence[Prepared], order: Order, series: Sequence[WhatToShow]
) -> list[Work]:
    """Return what is to be asked for the contracts of all symbols, most urgent first.

    Expected slots less covered ones (intraday windows) or less settled ones; a forced order asks for all expected ones.
    """
    asks = None if order.force else order.asks
    work: list[Work] = []
    for symbol in prepared:
        by_id = {contract.id: contract for contract in symbol.contracts}
        if not by_id or not symbol.sessions:
            continue
        rows = await coverage.missing(db, symbol.underlying.id, symbol.sessions, series, asks, list(by_id))
        requests: dict[int, list[HistoricalRequest]] = {}
        for row in rows:
            contract = by_id[row.contract_id]
            requests.setdefault(row.contract_id, []).extend(
                requests_for(contract, row.what_to_show, row.missing, symbol.sessions)
            )
        work.extend(Work(by_id[contract_id], tuple(asked)) for contract_id, asked in requests.items())
    spot: dict[str, Decimal] = {p.underlying.symbol: p.spot for p in prepared if p.spot is not None}
    return in_order(work, spot)


async def sample(
    db: Database, prepared: Sequence[Prepared], series: Sequence[WhatToShow], share: float, randomness: random.Random
) -> list[Work]:
    """Return a small random share of all requests of the last prepared session, to be read again once it is settled.

    IB corrects bars later now and then; what a second reading changes becomes visible in bar_revisions.
    """
    work: list[Work] = []
    for symbol in prepared:
        by_id = {contract.id: contract for contract in symbol.contracts}
        rows = await coverage.missing(db, symbol.underlying.id, symbol.sessions[-1:], series, None, list(by_id))
        for row in randomness.sample(rows, min(len(rows), math.ceil(len(rows) * share))):
            contract = by_id[row.contract_id]
            asked = tuple(requests_for(contract, row.what_to_show, row.missing, symbol.sessions))
            work.append(Work(contract, asked))
    return work


async def dry(db: Database, calendar: Calendar, settings: Settings, order: Order, now: datetime) -> list[Work]:
    """Return what an order would ask for the contracts that are selected already; asks no source."""
    prepared: list[Prepared] = []
    for symbol in order.symbols:
        underlying = await contract_store.underlying(db, symbol)
        if underlying is None:
            continue
        sessions = order_sessions(order, calendar, symbol, now)
        if sessions:
            contracts = await contract_store.selected(db, underlying.id, sessions[0].day, sessions[-1].day)
            living = tuple(contract for contract in contracts if not has_expired(contract, now))
            prepared.append(Prepared(underlying, sessions, living, None))
    return await contract_work(db, prepared, order, settings.series)
