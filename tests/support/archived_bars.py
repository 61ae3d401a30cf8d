"""Rows of the store as CSV, as they are copied out of the database for the archive."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from collector.archive.bar_schemas import stored_columns
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, DataSet

STORED_AT = datetime(2026, 11, 26, 3, 4, 5, 678_900, tzinfo=UTC)


def line(data_set: DataSet, **values: object) -> bytes:
    """Return a row as CSV; columns that are not given are NULL, or what a row has at least."""
    least = {"flags": 0, "unit": 100, "has_gaps": False, "created_at": STORED_AT, "updated_at": STORED_AT}
    given = {**least, **values}
    return (",".join(_field(given.get(name)) for name in stored_columns(data_set)) + "\n").encode()


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):  # as PostgreSQL writes it: no zeros at the end of a second's fraction
        text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{text}+00"
    return str(value)


def slots(day: date, count: int) -> Iterator[datetime]:
    """Yield starts of slots from 14:30 UTC on."""
    start = datetime.combine(day, time(14, 30), UTC)
    yield from (start + OPTION_BARS_5MIN.bar_size * n for n in range(count))


def session(day: date, contracts: Iterable[int], count: int = 78, seed: int = 7) -> bytes:
    """Return a session's option bars as CSV: quotes in each slot, a trade in every fifth, Greeks in most."""
    draw = random.Random(f"{seed} {day}")
    rows = []
    for contract in contracts:
        price = draw.randrange(5, 5_000)
        for at in slots(day, count):
            price = max(price + draw.randrange(-9, 10), 5)
            values: dict[str, object] = {"time": at, "contract_id": contract, "collection_run_id": 12}
            for side, shift in (("bid_", -1), ("ask_", 1)):
                values |= {f"{side}open": price + shift, f"{side}close": price + 2 * shift}
                values |= {f"{side}up": draw.randrange(4), f"{side}down": draw.randrange(3)}
            if draw.random() < 0.2:
                values |= {"open": price, "up": 1, "down": 2, "close": price + 1, "vwap_off": draw.randrange(-90, 90)}
                values |= {"volume": draw.randrange(1, 900), "bar_count": draw.randrange(1, 50)}
            if draw.random() < 0.9:
                values |= {"implied_volatility": draw.randrange(500, 9_000), "delta": draw.randrange(-9_999, 10_000)}
                values |= {
                    "theta": -draw.randrange(5_000),
                    "vega": draw.randrange(9_000),
                    "rho": draw.randrange(-99, 99),
                }
                values |= {"rho": draw.randrange(-99, 99), "gamma": draw.randrange(90_000)}
                values |= {"greeks_version": 1, "greeks_reason": 0}
            rows.append(line(OPTION_BARS_5MIN, **values))
    return b"".join(rows)


def weekdays(first: date, count: int) -> list[date]:
    """Return so many weekdays from a day on."""
    days = (first + timedelta(days=n) for n in range(2 * count + 2))
    return [day for day in days if day.weekday() < 5][:count]
