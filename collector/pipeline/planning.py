"""The plan of a run: which slots are missing, as the fewest requests, most urgent first."""

from collections.abc import Sequence
from decimal import Decimal

from collector.db import coverage
from collector.db.pool import Database
from collector.domain.answers import HistoricalRequest
from collector.domain.instruments import WhatToShow
from collector.domain.planning import Work, in_order, requests_for
from collector.pipeline.orders import Order, Prepared


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
