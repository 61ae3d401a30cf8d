"""Ask for stocks, indices, chains and option contracts.

A stock or an index by its symbol, the shape of its option chain, the contracts of one expiration.
"""

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from ib_async.contract import Contract

from collector.domain.market_data.answers import ChainParameters, Definitions, Failure, Outcome
from collector.domain.market_data.instruments import OptionContract, Underlying
from collector.ib.contracts import EXCHANGE, contract_of, decimal_of, option_of, underlying_of
from collector.ib.wire_requests import Reply

INDEX_EXCHANGE = "CBOE"
MULTIPLIER = "100"
_OCC_SYMBOL = re.compile(r"(?P<root>.{6})(?P<day>\d{6})(?P<right>[CP])\d{8}")
_DAY = re.compile(r"\d{8}", re.ASCII)
_NUMBERS = range(1, 2**31)
"""What IB's numbers of contracts are, and what their column holds."""


def trading_class(symbol: str) -> str:
    """Return the class of a stock's standard options: its symbol without blanks and dots."""
    return symbol.replace(" ", "").replace(".", "")


def ask_stock(symbol: str) -> Callable[[Any, int], None]:
    """Return what asks for the definition of a stock or ETF."""
    contract = Contract(secType="STK", symbol=symbol, exchange=EXCHANGE, currency="USD")
    return lambda client, req_id: client.reqContractDetails(req_id, contract)


def stock(symbol: str, reply: Reply) -> Underlying | Failure:
    """Return the stock that IB defined."""
    return _only(symbol, "STK", EXCHANGE, reply)


def ask_index(symbol: str) -> Callable[[Any, int], None]:
    """Return what asks for the definition of an index of Cboe's; SMART does not know it."""
    contract = Contract(secType="IND", symbol=symbol, exchange=INDEX_EXCHANGE, currency="USD")
    return lambda client, req_id: client.reqContractDetails(req_id, contract)


def index(symbol: str, reply: Reply) -> Underlying | Failure:
    """Return the index that IB defined."""
    return _only(symbol, "IND", INDEX_EXCHANGE, reply)


def _only(symbol: str, sec_type: str, exchange: str, reply: Reply) -> Underlying | Failure:
    """Return the one security of that type that IB defined."""
    if reply.end.outcome is not None:
        return reply.failure()
    wanted = (symbol, sec_type, "USD")
    defined = {
        one.conId: details
        for details in reply.rows
        for one in [details.contract]
        if (one.symbol, one.secType, one.currency) == wanted and one.conId in _NUMBERS
    }
    if len(defined) != 1:
        words = "stocks" if sec_type == "STK" else "indices"
        return Failure(Outcome.UNKNOWN_CONTRACT, f"IB knows {len(defined)} {words} {symbol!r} in USD", None)
    (details,) = defined.values()
    return underlying_of(symbol, exchange, details)


def ask_chain(underlying: Underlying) -> Callable[[Any, int], None]:
    """Return what asks for the expirations and strikes of an underlying.

    The exchange must stay empty: with SMART, IB ends the list without a row (reported).
    """
    number = contract_of(underlying).conId
    return lambda client, req_id: client.reqSecDefOptParams(req_id, underlying.symbol, "", underlying.sec_type, number)


def chain(underlying: Underlying, reply: Reply) -> ChainParameters | Failure:
    """Return the chain of the standard contracts: routed by SMART, of the symbol's own class, 100 shares each."""
    if reply.end.outcome is not None:
        return reply.failure()
    own = trading_class(underlying.symbol)
    rows = [
        (expirations, strikes)
        for exchange, _number, option_class, multiplier, expirations, strikes in reply.rows
        if exchange == EXCHANGE and option_class == own and multiplier == MULTIPLIER
    ]
    if not rows:
        outcome = Outcome.UNKNOWN_CONTRACT if reply.trusted else Outcome.FARM_DOWN
        return Failure(outcome, f"IB lists no options of class {own} on {EXCHANGE}", latency_s=reply.latency_s)
    try:
        days = {_day(text) for expirations, _ in rows for text in expirations}
    except ValueError as exc:
        return Failure(Outcome.UNKNOWN, f"IB lists an expiration of {own} that is no day: {exc}", None, reply.latency_s)
    return ChainParameters(
        expirations=tuple(sorted(days)),
        strikes=tuple(sorted({decimal_of(strike) for _, strikes in rows for strike in strikes})),
        trading_class=own,
    )


def ask_contracts(underlying: Underlying, expiration: date) -> Callable[[Any, int], None]:
    """Return what asks for all contracts of one expiration at once."""
    contract = Contract(
        secType="OPT",
        symbol=underlying.symbol,
        lastTradeDateOrContractMonth=f"{expiration:%Y%m%d}",
        exchange=EXCHANGE,
        currency=underlying.currency,
        tradingClass=trading_class(underlying.symbol),
    )
    return lambda client, req_id: client.reqContractDetails(req_id, contract)


def contracts(underlying: Underlying, expiration: date, reply: Reply) -> Definitions | Failure:
    """Return the contracts of the expiration, by strike, then call before put.

    Error 200, believed, means that there are none.
    """
    if reply.end.outcome is not None:
        failure = reply.failure()
        return Definitions() if failure.outcome is Outcome.UNKNOWN_CONTRACT else failure
    found = {contract.source_id: contract for contract in _standard(underlying, expiration, reply.rows)}
    if not found:
        return Failure(Outcome.UNKNOWN, f"IB sent no standard contract of {expiration}", latency_s=reply.latency_s)
    return Definitions(tuple(sorted(found.values(), key=lambda one: (one.strike, one.right))))


def _standard(underlying: Underlying, expiration: date, rows: Sequence[Any]) -> Iterable[OptionContract]:
    """Yield what was asked for; what is another's by any of its terms, or by its OCC symbol, is passed over."""
    own = trading_class(underlying.symbol)
    wanted = ("OPT", underlying.symbol, underlying.currency, own, MULTIPLIER, f"{expiration:%Y%m%d}")
    for details in rows:
        one = details.contract
        if (one.secType, one.symbol, one.currency, one.tradingClass, one.multiplier, _last_day(one)) != wanted:
            continue
        if one.right not in ("C", "P") or one.conId not in _NUMBERS or math.isnan(one.strike):
            continue
        symbol = _OCC_SYMBOL.fullmatch(one.localSymbol)
        if symbol and (symbol["root"].rstrip(), symbol["right"]) != (own, one.right):
            continue
        yield option_of(underlying, expiration, details)


def _last_day(contract: Any) -> str:  # noqa: ANN401 - ib_async is untyped
    """Return the last trading day in New York, as IB writes days.

    Shortly before it IB tells the last trading day as an instant in the zone of the gateway's login, which is the next
    day to a login east of New York; ib_async divides it, and wrongly where the zone's name has a hyphen. The day in the
    OCC symbol has no zone.
    """
    symbol = _OCC_SYMBOL.fullmatch(contract.localSymbol)
    return f"20{symbol['day']}" if symbol else str(contract.lastTradeDateOrContractMonth)


def _day(text: str) -> date:
    """Read a day of eight digits; strptime would do with fewer.

    Raises:
        ValueError: it is none.
    """
    with contextlib.suppress(ValueError):
        if _DAY.fullmatch(text):
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    raise ValueError(repr(text))
