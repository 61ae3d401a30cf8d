"""Rows of option_chains as contracts."""

from decimal import Decimal

from collector.db.connection.pool import Row
from collector.domain.market_data.instruments import OptionContract, Right


def contract_of(row: Row) -> OptionContract:
    """Return the contract of a row that has its columns."""
    return OptionContract(
        symbol=row["symbol"],
        source_id=row["source_id"],
        expiration=row["expiration_date"],
        strike=_plain(row["strike_price"]),
        right=Right(row["option_type"]),
        multiplier=row["multiplier"],
        exchange=row["exchange"],
        trading_class=row["trading_class"],
        currency=row["currency"],
        id=row["id"],
    )


def _plain(strike: Decimal) -> Decimal:
    """Return a strike as IB writes it: 260 and 262.5 rather than 260.0000 and 262.5000."""
    whole = strike.to_integral_value()
    return whole.quantize(Decimal(1)) if whole == strike else strike.normalize()
