from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from collector.archive import bar_schemas
from collector.domain.market_data.data_sets import (
    DATA_SETS,
    OPTION_BARS_5MIN,
    UNDERLYING_BARS_1DAY,
    UNDERLYING_BARS_5MIN,
    DataSet,
)
from tests.support.archived_bars import STORED_AT, line, session

AT = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
MOST, LEAST = 2**31 - 1, -(2**31)
GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")


def row(data_set: DataSet, **values: object) -> dict[str, Any]:
    """Return a row of the store as a file has it."""
    found: list[dict[str, Any]] = bar_schemas.table(data_set, line(data_set, time=AT, **values)).to_pylist()
    assert len(found) == 1
    return found[0]


def test_cents_and_wicks_become_prices() -> None:
    """Prices are units of ten-thousandths, highs and lows lie beyond the greater and the lesser of open and close."""
    found = row(
        OPTION_BARS_5MIN, contract_id=7, open=125, up=3, down=4, close=120, vwap_off=-17, volume=11, bar_count=2,
        bid_open=118, bid_up=0, bid_down=1, bid_close=119, implied_volatility=2_345, delta=-4_321, gamma=12_345,
    )  # fmt: skip
    assert {name: value for name, value in found.items() if value is not None} == {
        "time": AT,
        "contract_id": 7,
        "open": Decimal("1.2500"),
        "high": Decimal("1.2800"),
        "low": Decimal("1.1600"),
        "close": Decimal("1.2000"),
        "vwap": Decimal("1.1983"),
        "volume": 11,
        "bar_count": 2,
        "bid_open": Decimal("1.1800"),
        "bid_high": Decimal("1.1900"),
        "bid_low": Decimal("1.1700"),
        "bid_close": Decimal("1.1900"),
        "implied_volatility": Decimal("0.2345"),
        "delta": Decimal("-0.4321"),
        "gamma": Decimal("0.012345"),
        "flags": 0,
        "has_gaps": False,
        "created_at": STORED_AT,
        "updated_at": STORED_AT,
    }


EXTREMES: list[dict[str, object]] = [
    {"contract_id": MOST, "open": 10_000_000, "up": 0, "down": 9_999_999, "close": 10_000_000, "vwap_off": LEAST + 1},
    {
        "contract_id": 1,
        "unit": 1,
        "open": MOST,
        "up": 0,
        "down": 0,
        "close": MOST,
        "vwap_off": 0,
        "volume": MOST,
        "bar_count": MOST,
    },
    {"contract_id": 1, "bid_open": 0, "bid_up": 0, "bid_down": 0, "bid_close": 0},
    {
        "contract_id": 1,
        "ask_close": 5,
        "flags": MOST,
        "has_gaps": True,
        "open_interest": MOST,
        "collection_run_id": MOST,
    },
    {
        "contract_id": 1,
        "unit": 1,
        "open": 1,
        "up": 0,
        "down": 0,
        "close": 1,
        "greeks_version": 2**15 - 1,
        "greeks_reason": -(2**15),
    },
    {"contract_id": 1, **dict.fromkeys(GREEKS, MOST)},
    {"contract_id": 1, **dict.fromkeys(GREEKS, LEAST)},
    {"contract_id": 1, "created_at": datetime(1970, 1, 1, tzinfo=UTC), "updated_at": datetime(9999, 1, 1, tzinfo=UTC)},
]


@pytest.mark.parametrize("values", EXTREMES, ids=str)
def test_extremes_of_options_come_back(values: dict[str, object]) -> None:
    """What the store's columns can hold at most and at least is the very same after the way there and back."""
    found = bar_schemas.table(OPTION_BARS_5MIN, line(OPTION_BARS_5MIN, time=AT, **values))
    again = bar_schemas.table(OPTION_BARS_5MIN, bar_schemas.stored_text(OPTION_BARS_5MIN, found))
    assert again.equals(found)
    assert fields(b"".join(bar_schemas.stored_text(OPTION_BARS_5MIN, found))) == fields(
        line(OPTION_BARS_5MIN, time=AT, **values)
    )


def fields(text: bytes) -> list[str]:
    """Return the whole numbers of a line, without its instants and truths."""
    return [field for field in text.decode().rstrip("\n").split(",") if ":" not in field and not field.isalpha()]


def test_the_dearest_option_has_all_its_digits() -> None:
    """100,000 USD are kept, and what a 4-byte integer of ten-thousandths holds at most."""
    dear, most = (row(OPTION_BARS_5MIN, **values) for values in EXTREMES[:2])
    assert (dear["open"], dear["low"]) == (Decimal("100000.0000"), Decimal("0.0100"))
    assert most["close"] == most["vwap"] == Decimal("214748.3647")


def test_an_underlying_s_extremes_come_back() -> None:
    """A billion USD and 9 × 10^14 shares, an adjusted close beside them, are kept to the last digit."""
    values = {
        "underlying_id": 1,
        "open": 10**13,
        "up": 10**13,
        "down": 10**13 - 1,
        "close": 10**13,
        "vwap_off": -(10**13) + 1,
    }
    text = line(UNDERLYING_BARS_1DAY, time=AT, volume=9 * 10**18, adjusted_close=10**13, **values)
    found = bar_schemas.table(UNDERLYING_BARS_1DAY, text)
    shown = found.to_pylist()[0]
    assert (shown["high"], shown["low"]) == (Decimal("2000000000.0000"), Decimal("0.0001"))
    assert (shown["volume"], shown["vwap"]) == (Decimal(9 * 10**14), Decimal("0.0001"))
    assert shown["adjusted_close"] == Decimal(10**9)
    assert fields(b"".join(bar_schemas.stored_text(UNDERLYING_BARS_1DAY, found))) == fields(text)


@pytest.mark.parametrize(
    ("data_set", "values"),
    [
        (OPTION_BARS_5MIN, {"contract_id": 1, "open": MOST, "up": 0, "down": 0, "close": MOST}),
        (OPTION_BARS_5MIN, {"contract_id": 2**31}),
        (UNDERLYING_BARS_5MIN, {"underlying_id": 1, "open": 10**18, "up": 0, "down": 0, "close": 1}),
    ],
    ids=str,
)
def test_what_no_column_holds_is_told(data_set: DataSet, values: dict[str, object]) -> None:
    """A value that would lose digits is refused; the view of the store refuses it as well."""
    with pytest.raises(OverflowError):
        row(data_set, **values)


def test_the_unit_is_chosen_as_the_store_does() -> None:
    """Cents, unless a price of the row has finer digits; vwap does not count, nor does a row without prices."""
    texts = [
        line(OPTION_BARS_5MIN, time=AT, contract_id=1, unit=1, open=12_345, up=5, down=0, close=12_400, bid_close=100),
        line(OPTION_BARS_5MIN, time=AT, contract_id=2, open=123, up=0, down=0, close=123, vwap_off=1),
        line(OPTION_BARS_5MIN, time=AT, contract_id=3),
    ]
    found = bar_schemas.table(OPTION_BARS_5MIN, texts)
    assert fields(b"".join(bar_schemas.stored_text(OPTION_BARS_5MIN, found))) == fields(b"".join(texts))


@pytest.mark.parametrize("size", [1, 7, 1_000, 10**9])
def test_text_comes_in_pieces_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is torn between two pieces is whole in the table."""
    monkeypatch.setattr(bar_schemas, "_PIECE", 500)
    text = session(date(2026, 11, 25), [1, 2], 5)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    found = bar_schemas.table(OPTION_BARS_5MIN, pieces)
    assert found.num_rows == 10
    assert found.equals(bar_schemas.table(OPTION_BARS_5MIN, text))


@pytest.mark.parametrize("data_set", DATA_SETS, ids=lambda one: one.name)
def test_no_rows_have_the_same_columns(data_set: DataSet) -> None:
    """The schema does not depend on what is in a file."""
    found = bar_schemas.table(data_set, b"")
    assert (found.num_rows, found.schema) == (0, bar_schemas.schema(data_set))
    assert b"".join(bar_schemas.stored_text(data_set, found)) == b""
