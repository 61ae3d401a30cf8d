"""IB's contracts of instruments, and instruments of IB's definitions.

The one place that knows what a source's number means: IB's conId.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from ib_async.contract import Contract

from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying

EXCHANGE = "SMART"
"""Where stocks and options are asked for: IB routes to wherever they trade."""


def contract_of(instrument: Instrument) -> Contract:
    """Return the contract by which bars and ticks of an instrument are asked for."""
    return Contract(conId=instrument.source_id, exchange=instrument.exchange)


def underlying_of(symbol: str, exchange: str, details: Any) -> Underlying:  # noqa: ANN401 - ib_async is untyped
    """Return the underlying that IB's definition describes, by the symbol and exchange with which it was asked for."""
    contract = details.contract
    return Underlying(
        symbol=symbol,
        source_id=contract.conId,
        name=details.longName,
        sec_type=contract.secType,
        exchange=exchange,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
    )


def option_of(underlying: Underlying, expiration: date, details: Any) -> OptionContract:  # noqa: ANN401 - as above
    """Return the option contract that IB's definition describes, by underlying and expiration that it was asked for."""
    contract = details.contract
    return OptionContract(
        symbol=underlying.symbol,
        source_id=contract.conId,
        expiration=expiration,
        strike=decimal_of(contract.strike),
        right=Right(contract.right),
        multiplier=int(contract.multiplier),
        exchange=EXCHANGE,
        trading_class=contract.tradingClass,
        currency=underlying.currency,
    )


def decimal_of(number: float) -> Decimal:
    """Return the shortest decimal that ib_async's float stands for, which is what IB sent."""
    return Decimal(repr(number)).normalize() + Decimal(0)
