"""Requests for market data.

Snapshots and streams of ticks for stocks and options.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from collector.simulator import texts
from collector.simulator.exchange.listings import Index, Option, Stock
from collector.simulator.exchange.sessions import local_date, session
from collector.simulator.replies import Refusal, Reply
from collector.simulator.request_log import Kind, Request
from collector.simulator.requests import contracts
from collector.simulator.wire_format import frame, number

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from collector.simulator.connection import Connection
    from collector.simulator.exchange.listings import Definition, Quote
    from collector.simulator.wire_format import ContractQuery, Fields

_BID, _ASK, _LAST = 1, 2, 4
_SIZE_OF = {_BID: 0, _ASK: 3, _LAST: 5}
_VOLUME, _CLOSE = 8, 9
_BID_GREEKS, _ASK_GREEKS, _LAST_GREEKS, _MODEL_GREEKS = 10, 11, 12, 13
_HISTORICAL_VOLATILITY, _IMPLIED_VOLATILITY = 23, 24
_DIVIDENDS = 59
_CALL_OPEN_INTEREST, _PUT_OPEN_INTEREST, _CALL_VOLUME, _PUT_VOLUME = 27, 28, 29, 30


_YEAR = timedelta(days=365)


class Asked(NamedTuple):
    """The fields of a market-data request that matter here."""

    contract: ContractQuery
    generic: frozenset[str]
    snapshot: bool


def market_data_type(connection: Connection, fields: Fields) -> None:
    """Remember reqMarketDataType: 1 live, 2 frozen, 3 delayed, 4 delayed frozen. The account has live data."""
    fields.skip(1)
    connection.market_data_type = fields.integer() or 1


def market_data(connection: Connection, fields: Fields) -> None:
    """Answer reqMktData: ticks and an end for a snapshot, ticks and their changes for a stream."""
    fields.skip(1)
    req_id = fields.integer()
    contract = fields.contract()
    if fields.flag():
        fields.skip(3)
    generic = frozenset(part.strip() for part in fields.text().split(",") if part.strip())
    asked = Asked(contract, generic, snapshot=fields.flag())
    gateway = connection.gateway
    entry = Request(
        number=gateway.next_number(),
        req_id=req_id,
        kind=Kind.MARKET_DATA,
        client_id=connection.client_id,
        received_at=gateway.clock.now(),
        con_id=contract.con_id,
        symbol=contract.symbol,
        what_to_show=",".join(sorted(generic)),
        duration="snapshot" if asked.snapshot else "stream",
    )
    connection.submit(entry, partial(_answer, connection, entry, asked))


def cancel_market_data(connection: Connection, fields: Fields) -> None:
    """Act on cancelMktData: 300 when there is nothing of that id."""
    fields.skip(1)
    req_id = fields.integer()
    if not connection.end_stream(req_id) and not connection.cancel(req_id):
        connection.error(req_id, 300, f"Can't find EId with tickerId:{req_id}")


def _answer(connection: Connection, entry: Request, asked: Asked) -> Reply | Refusal:
    gateway = connection.gateway
    if asked.snapshot and asked.generic:
        return Refusal(321, texts.SNAPSHOT_WITH_TICKS)
    found = contracts.resolve(gateway.market, asked.contract, local_date(gateway.clock.now()))
    if len(found) != 1 or asked.contract.exchange not in contracts.EXCHANGES:
        return Refusal(200, texts.NO_DEFINITION)
    if isinstance(found[0], Index):
        return Refusal(354, texts.NOT_SUBSCRIBED)
    if not gateway.log.line(gateway.lines(), gateway.clock.now()):
        return Refusal(101, texts.TOO_MANY_LINES)
    for code, text in gateway.notices(entry):
        connection.error(entry.req_id, code, text)
    definition = found[0]
    entry.con_id, entry.symbol = definition.con_id, definition.symbol
    kind = _data_type(connection, definition)
    head = frame(58, 1, entry.req_id, kind) + frame(81, entry.req_id, "0.01", "9c0001", 3)
    ticks = _ticks(connection, definition, asked.generic, kind)
    written = head + _written(entry.req_id, ticks)
    if asked.snapshot:
        return Reply(written + frame(57, 1, entry.req_id), "snapshot")
    stream = asyncio.get_running_loop().create_task(_stream(connection, entry.req_id, definition, asked, ticks))
    connection.stream(entry, stream)
    return Reply(written, "stream")


async def _stream(
    connection: Connection, req_id: int, definition: Definition, asked: Asked, sent: dict[int, tuple[object, ...]]
) -> None:
    """Send open interest a moment after the first ticks, then what has changed, every few seconds, until cancelled."""
    gateway, clock = connection.gateway, connection.gateway.clock
    if "101" in asked.generic and isinstance(definition, Option):
        await clock.sleep(gateway.open_interest_delay_s)
        connection.send(_written(req_id, _open_interest(connection, definition)))
    while True:
        await clock.sleep(connection.gateway.stream_interval_s)
        ticks = _ticks(connection, definition, asked.generic, _data_type(connection, definition))
        connection.send(_written(req_id, {tick: value for tick, value in ticks.items() if sent.get(tick) != value}))
        sent = ticks


def _data_type(connection: Connection, definition: Definition) -> int:
    """Return 1 while the product trades or frozen data was not asked for, else 2."""
    asked_frozen = connection.market_data_type in {2, 4}
    return 2 if asked_frozen and not _is_open(connection, definition) else 1


def _is_open(connection: Connection, definition: Definition) -> bool:
    now = connection.gateway.clock.now()
    stock = connection.gateway.market.stock(definition.symbol)
    today = session(local_date(now), late_close=stock is not None and stock.late_close)
    return today is not None and today.open <= now.timestamp() < today.close


def _ticks(
    connection: Connection, definition: Definition, generic: frozenset[str], kind: int
) -> dict[int, tuple[object, ...]]:
    """Return tick number → its fields after the request id and tick number; price ticks carry their size."""
    quote = connection.gateway.market.quote(definition.con_id)
    quoted = kind == 2 or _is_open(connection, definition)  # noqa: PLR2004 - 2 is frozen
    ticks: dict[int, tuple[object, ...]] = {
        _BID: _price(quote.bid if quoted else None, quote.bid_size),
        _ASK: _price(quote.ask if quoted else None, quote.ask_size),
        _VOLUME: (quote.volume,),
    }
    if quote.last is not None:
        ticks[_LAST] = _price(quote.last, 1)
    if quote.previous_close is not None:
        ticks[_CLOSE] = _price(quote.previous_close, 0)
    if isinstance(definition, Option):
        is_call = definition.right == "C"
        if "100" in generic:
            ticks[_CALL_VOLUME if is_call else _PUT_VOLUME] = (quote.volume,)
        ticks |= _greeks(quote, quoted=quoted)
    elif isinstance(definition, Stock) and "456" in generic:
        ticks[_DIVIDENDS] = (_dividends(definition, local_date(connection.gateway.clock.now())),)
    if not isinstance(definition, Option) and quote.iv is not None:
        if "106" in generic:
            ticks[_IMPLIED_VOLATILITY] = (round(quote.iv, 6),)
        if "104" in generic:
            ticks[_HISTORICAL_VOLATILITY] = (round(quote.iv, 6),)
    return ticks


def _dividends(stock: Stock, today: date) -> str:
    """Return the text of the dividend tick: the sums of a year back and ahead, the next ex-date and its amount [D].

    A share that pays nothing has four empty parts [?].
    """
    back = sum(amount for ex, amount in stock.dividends if today - _YEAR < ex <= today)
    coming = [(ex, amount) for ex, amount in stock.dividends if today < ex <= today + _YEAR]
    ahead = sum(amount for _, amount in coming)
    following = f"{coming[0][0]:%Y%m%d},{coming[0][1]}" if coming else ","
    return f"{back or ''},{ahead or ''},{following}"


def _open_interest(connection: Connection, option: Option) -> dict[int, tuple[object, ...]]:
    """Return both rights' ticks of a contract, as IB sends them: its own figure, and 0 for the right that it is not."""
    gateway = connection.gateway
    told = gateway.market.open_interest(option.con_id, local_date(gateway.clock.now()))
    own, other = (_CALL_OPEN_INTEREST, _PUT_OPEN_INTEREST)[:: 1 if option.right == "C" else -1]
    return {other: (0,), own: (told,)}


def _price(price: Decimal | None, size: int) -> tuple[object, ...]:
    return ("-1", 0) if price is None else (number(price), size)


def _greeks(quote: Quote, *, quoted: bool) -> dict[int, tuple[object, ...]]:
    """Return the computations at the model price and, to first order in volatility, at bid, ask and last."""
    iv, model, vega = quote.iv, quote.model_price, quote.vega
    if iv is None or model is None or vega is None:
        return {}
    computations: dict[int, tuple[object, ...]] = {}
    prices = {_BID_GREEKS: quote.bid, _ASK_GREEKS: quote.ask} if quoted else {}
    for tick, price in {**prices, _LAST_GREEKS: quote.last, _MODEL_GREEKS: None}.items():
        if price is None and tick != _MODEL_GREEKS:
            continue
        value = model if price is None else float(price)
        implied = max(iv + (value - model) / vega / 100, 0.0001) if vega > 1e-4 else iv  # noqa: PLR2004 - USD a point
        greeks = (quote.delta, value, 0, quote.gamma, vega, quote.theta, quote.underlying_price)
        computations[tick] = (0, implied, *greeks)
    return computations


def _written(req_id: int, ticks: dict[int, tuple[object, ...]]) -> bytes:
    frames = []
    for tick, values in ticks.items():
        if tick in {_BID, _ASK, _LAST, _CLOSE}:
            price, size = values
            frames.append(frame(1, 6, req_id, tick, price, size, 0))
            if tick in _SIZE_OF:
                frames.append(frame(2, 6, req_id, _SIZE_OF[tick], size))
        elif tick in {_BID_GREEKS, _ASK_GREEKS, _LAST_GREEKS, _MODEL_GREEKS}:
            frames.append(frame(21, req_id, tick, *values))
        elif tick in {_IMPLIED_VOLATILITY, _HISTORICAL_VOLATILITY}:
            frames.append(frame(45, 6, req_id, tick, *values))
        elif tick == _DIVIDENDS:
            frames.append(frame(46, 6, req_id, tick, *values))
        else:
            frames.append(frame(2, 6, req_id, tick, *values))
    return b"".join(frames)
