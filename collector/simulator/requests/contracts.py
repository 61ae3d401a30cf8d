"""Contract definitions: details of partial contracts, option parameters, symbol search."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from collector.simulator import texts
from collector.simulator.exchange.listings import Definition, Index, Option, Stock
from collector.simulator.exchange.sessions import is_early_close, is_session, local_date
from collector.simulator.replies import Refusal, Reply
from collector.simulator.request_log import Kind, Request
from collector.simulator.wire_format import ContractQuery, Fields, frame, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.simulator.connection import Connection
    from collector.simulator.exchange.listings import Right
    from collector.simulator.market import Market

ZONE = "US/Eastern"
OPTION_EXCHANGES = ("AMEX", "BATS", "BOX", "CBOE", "EMERALD", "ISE", "MIAX", "NASDAQOM", "PHLX", "PSE", "SMART")
_STOCK_EXCHANGES = ("SMART", "AMEX", "NYSE", "CBOE", "PHLX", "ISE", "ARCA", "NASDAQ", "DRCTEDGE", "BATS", "IEX")
EXCHANGES = frozenset({*OPTION_EXCHANGES, *_STOCK_EXCHANGES})
"""The destinations that exist; any other is refused."""

_ORDER_TYPES = "ACTIVETIM,AD,ADJUST,ALERT,ALGO,COND,DAY,DEACT,GTC,LMT,MKT,STP,STPLMT,WHATIF"
_SCHEDULE_DAYS = 6
_TOLD_TO_THE_SECOND = timedelta(days=7)
_LOCAL_SYMBOL = re.compile(r"(?P<root>[A-Z0-9 ]{6})(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d{8})")


def resolve(market: Market, query: ContractQuery, today: date) -> tuple[Definition, ...]:
    """Return every contract that a query can mean, options by expiration, strike and right; empty when unknown.

    Contracts that IB has purged, or that are not listed yet on a day (New York's), are unknown.
    """
    if query.currency not in {"", "USD"}:
        return ()
    if query.con_id:
        return _by_con_id(market, query, today)
    if query.sec_type == "STK":
        stock = market.stock(query.symbol or query.local_symbol)
        return () if stock is None else (stock,)
    if query.sec_type == "IND":
        return tuple(_indices(market, query))
    if query.sec_type == "OPT":
        return tuple(_options(market, query))
    return ()


def _by_con_id(market: Market, query: ContractQuery, today: date) -> tuple[Definition, ...]:
    for stock in market.stocks:
        if stock.con_id == query.con_id:
            return (stock,) if query.sec_type in {"", "STK"} else ()
    if query.con_id in {index.con_id for index in market.indices}:
        return tuple(_indices(market, query)) if query.sec_type in {"", "IND"} else ()
    option = market.option(query.con_id)
    if option is None or market.purged(option) or option.listed > today or query.sec_type not in {"", "OPT"}:
        return ()
    return (option,)


def _indices(market: Market, query: ContractQuery) -> Iterator[Index]:
    """Yield the index that is meant; no other exchange than its own knows it, SMART neither."""
    for index in market.indices:
        named = query.con_id == index.con_id if query.con_id else query.symbol == index.symbol
        if named and query.exchange in {"", index.exchange}:
            yield index


def _options(market: Market, query: ContractQuery) -> Iterator[Option]:
    symbol, expiry, right, strike = query.symbol, query.expiry, query.right, query.strike
    if local := _LOCAL_SYMBOL.fullmatch(query.local_symbol):
        symbol, expiry, right = local["root"].strip(), f"20{local['day']}", local["right"]
        strike = Decimal(local["strike"]) / 1000
    try:
        expiration = date.fromisoformat(expiry) if len(expiry) == len("YYYYMMDD") else None
    except ValueError:
        return
    if market.stock(symbol) is None:
        return
    wanted: Right | None = "C" if right == "C" else "P" if right == "P" else None
    for option in market.options(symbol, expiration, wanted, strike or None):
        if expiration is None and expiry and f"{option.expiration:%Y%m}" != expiry:
            continue
        if query.multiplier not in {"", option.multiplier} or query.trading_class not in {"", option.trading_class}:
            continue
        yield option


def local_symbol(option: Option) -> str:
    """Return the 21-character OCC symbol."""
    return f"{option.symbol:<6}{option.expiration:%y%m%d}{option.right}{int(option.strike * 1000):08d}"


def describe(definition: Definition) -> str:
    """Return a contract as IB names it in messages."""
    return local_symbol(definition) if isinstance(definition, Option) else definition.symbol


def contract_details(connection: Connection, fields: Fields) -> None:
    """Answer reqContractDetails: one row a contract, then the end; 200 when there is none."""
    fields.skip(1)
    req_id = fields.integer()
    query = fields.contract()
    gateway = connection.gateway
    entry = Request(
        number=gateway.next_number(),
        req_id=req_id,
        kind=Kind.CONTRACT_DETAILS,
        client_id=connection.client_id,
        received_at=gateway.clock.now(),
        con_id=query.con_id,
        symbol=query.symbol,
        duration=query.expiry,
    )
    connection.submit(entry, partial(_details, connection, entry, query))


def _details(connection: Connection, entry: Request, query: ContractQuery) -> Reply | Refusal:
    gateway, req_id = connection.gateway, entry.req_id
    market, today = gateway.market, local_date(gateway.clock.now())
    if query.exchange and query.exchange not in EXCHANGES:
        return Refusal(200, texts.NO_DEFINITION)
    found = resolve(market, query, today)
    if not found:
        return Refusal(200, texts.NO_DEFINITION)
    exchange = query.exchange or "SMART"
    rows = [_row(req_id, one, exchange, today, market) for one in gateway.define(entry, found)]
    return Reply(b"".join(rows) + frame(52, 1, req_id), "rows")


def _row(req_id: int, one: Definition, exchange: str, today: date, market: Market) -> bytes:
    if isinstance(one, Option):
        return _option_row(req_id, one, exchange, today, market)
    return _stock_row(req_id, one, exchange, today) if isinstance(one, Stock) else _index_row(req_id, one, today)


def _stock_row(req_id: int, stock: Stock, exchange: str, today: date) -> bytes:
    return frame(
        10, req_id, stock.symbol, "STK", "", 0, "", exchange, "USD", stock.symbol, stock.symbol, stock.symbol,
        stock.con_id, "0.01", "", _ORDER_TYPES, ",".join(_STOCK_EXCHANGES), 1, 0, stock.name, stock.primary_exchange,
        "", "", "", "", ZONE, _hours(today, "0400", "2000", "1700"), _hours(today, "0930", "1600", "1300"), "", "", 0,
        1, "", "", "26", "", "ETF" if stock.late_close else "COMMON", "1", "1", "100",
    )  # fmt: skip


def _index_row(req_id: int, index: Index, today: date) -> bytes:
    hours = _hours(today, "0315", "1615", "1315")
    return frame(
        10, req_id, index.symbol, "IND", "", 0, "", index.exchange, "USD", index.symbol, index.symbol, index.symbol,
        index.con_id, "0.01", "", _ORDER_TYPES, index.exchange, 1, 0, index.name, "",
        "", "", "", "", ZONE, hours, hours, "", "", 0,
        1, "", "", "", "", "", "1", "1", "1",
    )  # fmt: skip


def _option_row(req_id: int, option: Option, exchange: str, today: date, market: Market) -> bytes:
    stock = market.stock(option.symbol)
    assert stock is not None  # noqa: S101 - an option's underlying is always listed
    close, early = ("1615", "1315") if stock.late_close else ("1600", "1300")
    hours = _hours(today, "0930", close, early)
    expiration, last = f"{option.expiration:%Y%m%d}", _last_trade(option, today, market)
    return frame(
        10, req_id, option.symbol, "OPT", last, number(option.strike), option.right, exchange, "USD",
        local_symbol(option), option.trading_class, option.trading_class, option.con_id, "0.01", option.multiplier,
        _ORDER_TYPES, ",".join(OPTION_EXCHANGES), 1, stock.con_id, stock.name, "", expiration[:6], "", "", "", ZONE,
        hours, hours, "", "", 0,
        2, option.symbol, "STK", ",".join(["109"] * len(OPTION_EXCHANGES)), expiration, "", "1", "1", "1",
    )  # fmt: skip


def _last_trade(option: Option, today: date, market: Market) -> str:
    """Return when a contract trades last: a day, or soon before it the end of trading, in the zone of the login."""
    zone, close = market.settings.login_zone, market.product_close(option.symbol, option.expiration)
    if zone is None or close is None or option.expiration - today > _TOLD_TO_THE_SECOND:
        return f"{option.expiration:%Y%m%d}"
    return f"{close.astimezone(ZoneInfo(zone)):%Y%m%d %H:%M:%S} {zone}"


@lru_cache(maxsize=64)
def _hours(today: date, opens: str, closes: str, early: str) -> str:
    """Return a schedule from today on, as IB writes it: `20261120:0930-20261120:1600;20261121:CLOSED;…`."""
    parts = []
    for n in range(_SCHEDULE_DAYS):
        day = today + timedelta(days=n)
        name = f"{day:%Y%m%d}"
        if not is_session(day):
            parts.append(f"{name}:CLOSED")
        else:
            parts.append(f"{name}:{opens}-{name}:{early if is_early_close(day) else closes}")
    return ";".join(parts)


def chain_parameters(connection: Connection, fields: Fields) -> None:
    """Answer reqSecDefOptParams: one row an exchange and trading class, then the end.

    As with IB, a `futFopExchange` gives an end without rows, and underlying contract 0 is refused with 321.
    """
    req_id = fields.integer()
    symbol, exchange, _, con_id = fields.text().upper(), fields.text(), fields.text(), fields.integer()
    gateway = connection.gateway
    entry = Request(
        number=gateway.next_number(),
        req_id=req_id,
        kind=Kind.CHAIN,
        client_id=connection.client_id,
        received_at=gateway.clock.now(),
        con_id=con_id,
        symbol=symbol,
    )
    connection.submit(entry, lambda: _chain(gateway.market, req_id, symbol, exchange, con_id))


def _chain(market: Market, req_id: int, symbol: str, exchange: str, con_id: int) -> Reply | Refusal:
    if con_id == 0:
        return Refusal(321, "Error validating request:-'bP' : cause - Invalid contract id")
    end = frame(76, req_id)
    if exchange:
        return Reply(end, "rows")
    stock, shape = market.stock(symbol), market.chain(symbol)
    if stock is None or shape is None or stock.con_id != con_id:
        return Refusal(200, texts.NO_DEFINITION)
    expirations = [f"{day:%Y%m%d}" for day in shape.expirations]
    strikes = [str(float(strike)) for strike in shape.strikes]
    sets = (len(expirations), *expirations, len(strikes), *strikes)
    rows = [
        frame(75, req_id, place, con_id, shape.trading_class, shape.multiplier, *sets) for place in OPTION_EXCHANGES
    ]
    if not stock.late_close and expirations:
        # What a corporate action leaves behind: an adjusted class beside the standard one.
        few = (1, expirations[-1], 2, *strikes[:2])
        rows += [frame(75, req_id, place, con_id, f"2{symbol}", "150", *few) for place in ("CBOE", "SMART")]
    return Reply(b"".join(rows) + end, "rows")


def matching_symbols(connection: Connection, fields: Fields) -> None:
    """Answer reqMatchingSymbols with the stocks whose symbol or name contains the pattern."""
    req_id, pattern = fields.integer(), fields.text().upper()
    found = [one for one in connection.gateway.market.stocks if pattern in one.symbol or pattern in one.name]
    values: list[object] = []
    for stock in found:
        values += [stock.con_id, stock.symbol, "STK", stock.primary_exchange, "USD", 1, "OPT"]
        if connection.version >= 176:  # noqa: PLR2004 - the version that added them
            values += [stock.name, ""]
    connection.send(frame(79, req_id, len(found), *values))


def market_rule(connection: Connection, fields: Fields) -> None:
    """Answer reqMarketRule: pennies everywhere, or nickels from 3 USD for rule 109."""
    rule = fields.integer()
    steps = ("0", "0.01", "3", "0.05") if rule == 109 else ("0", "0.01")  # noqa: PLR2004 - IB's rule number
    connection.send(frame(93, rule, len(steps) // 2, *steps))
