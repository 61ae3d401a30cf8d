"""Downloads of bars in Arrow's stream format."""

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import date, datetime
from typing import TypeVar

from collector.app import opening
from collector.db.connection.pool import Statements
from collector.db.contracts import contract_tables
from collector.db.readers import chains, histories
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.errors import UnknownSymbol, UsageError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.lineage import naming
from collector.web.context import Context
from collector.web.page import Asked, Download, Parameter
from collector.web.pages.contracts import named

MOST_ROWS = 500_000
"""One download has at most so many: a session of the largest chain, and years of one contract."""
STATEMENT_TIMEOUT_S = 60

_MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PARAMETERS = (
    Parameter("start", "the first day, or the first instant; the beginning where it is left out", "2026-11-20"),
    Parameter("end", "the last day, or the instant before which bars start", "2026-11-20"),
    Parameter(
        "columns", "which, separated by commas; the usual ones where it is left out", "time,occ_symbol,mid_close"
    ),
)

T = TypeVar("T")
_turn = threading.Lock()
"""Whoever reads: a table of many rows stands in memory once."""


async def _of_symbol(context: Context, asked: Asked) -> bytes:
    start, end = _moment(asked, "start"), _moment(asked, "end")
    async with context.reading() as db:
        known = await contract_tables.underlying(db, asked["symbol"].strip().upper())
        if known is None:
            raise UnknownSymbol(asked["symbol"], [one.symbol for one in await contract_tables.underlyings(db)])
        begins = await contract_tables.first_selected(db, OPTION_BARS_5MIN, known.id)
        days = _days(context, start, end, begins)
        await _require_few(context, db, known.id, known.symbol, days)
    return await _read(context, known.symbol, start, end, asked)


async def _of_contract(context: Context, asked: Asked) -> bytes:
    start, end = _moment(asked, "start"), _moment(asked, "end")
    async with context.reading() as db:
        contract, _ = await named.contract(db, asked["occ"])
        bounds = await histories.bounds(db, contract.id)
    begins = None if bounds.first_bar is None else bounds.first_bar.date()
    _refuse_many(contract.symbol, _slots(context, contract.symbol, _days(context, start, end, begins)))
    return await _read(context, contract.id, start, end, asked)


def _moment(asked: Asked, name: str) -> date | datetime | None:
    """Return a day or an instant, New York's time where it names no zone.

    Raises:
        UsageError: it is neither.
    """
    text = asked.get(name, "").strip()
    if not text or _DAY.fullmatch(text):
        return named.day(asked, name)
    return naming.instant_of(text)


def _days(
    context: Context, start: date | datetime | None, end: date | datetime | None, begins: date | None
) -> tuple[date, ...]:
    """Return the sessions that are asked for, as far as there can be any bars."""
    today = context.now.astimezone(NEW_YORK).date()
    first, last = _day(start) or begins or today, min(_day(end) or today, today)
    first = first if begins is None else max(first, begins)
    return context.days.days(first, last) if first <= last else ()


def _day(moment: date | datetime | None) -> date | None:
    return moment.astimezone(NEW_YORK).date() if isinstance(moment, datetime) else moment


async def _require_few(context: Context, db: Statements, underlying_id: int, symbol: str, days: Sequence[date]) -> None:
    """Refuse what may be too much: no contract has more bars of a session than slots."""
    if days:
        selected = await chains.count_selected(db, underlying_id, days)
        _refuse_many(symbol, selected * _slots(context, symbol, days[-1:]))


def _slots(context: Context, symbol: str, days: Sequence[date]) -> int:
    sessions = (context.days.session(symbol, day) for day in days)
    return sum(session.span.duration // OPTION_BARS_5MIN.bar_size for session in sessions)


def _refuse_many(symbol: str, rows: int) -> None:
    if rows > MOST_ROWS:
        raise UsageError(
            f"up to {rows:,} bars of {symbol} are asked for, and a download has {MOST_ROWS:,} at most",
            "Ask for fewer days, or for one contract; collector.research reads any number of bars.",
        )


async def _read(
    context: Context, of: str | int, start: date | datetime | None, end: date | datetime | None, asked: Asked
) -> bytes:
    """Return the bars as the research API reads them.

    Raises:
        ExtraMissing: what it needs is not installed.
    """
    from collector.research.reader import Reader  # noqa: PLC0415 - pyarrow, which only this needs

    settings, clock = context.settings, context.clock
    url = await opening.replica_url(settings, clock) or await opening.database_url(settings)
    columns = [name.strip() for name in asked.get("columns", "").split(",") if name.strip()] or None

    def read() -> bytes:
        with Reader(settings, url, clock, statement_timeout_s=STATEMENT_TIMEOUT_S, in_role=True) as reader:
            return reader.bars(of if isinstance(of, str) else [of], start, end, columns=columns).to_ipc()

    return await in_turn(read)


async def in_turn(work: Callable[[], T]) -> T:
    """Run work in a thread, one at a time; whoever has gone in the meantime is passed over.

    The thread does not hold up the end of the process.
    """
    future: Future[T] = Future()

    def target() -> None:
        with _turn:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - carried over to whoever asked
                future.set_exception(error)

    threading.Thread(target=target, name="pages arrow", daemon=True).start()
    return await asyncio.wrap_future(future)


OF_SYMBOL = Download(
    path="/bars/{symbol}.arrow",
    what="Bars of a symbol's options in Arrow's stream format.",
    media_type=_MEDIA_TYPE,
    answer=_of_symbol,
    parameters=(Parameter("symbol", "the underlying's", "SPY"), *_PARAMETERS),
)
OF_CONTRACT = Download(
    path="/contracts/{occ}/bars.arrow",
    what="Bars of one contract in Arrow's stream format.",
    media_type=_MEDIA_TYPE,
    answer=_of_contract,
    parameters=(Parameter("occ", "the contract's OCC symbol", "SPY261123C00709000"), *_PARAMETERS),
)
