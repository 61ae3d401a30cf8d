"""Translation of the wire's bars: strings in IB's order in, whole domain bars out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.market_data.bars import NO_NUMBER, Bar
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import WhatToShow
from collector.domain.market_data.spans import Span
from collector.ib.bar_translation import MalformedBars, bars, exact

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
OPEN_S = 1795185000
SESSION = Span(OPEN, OPEN + timedelta(hours=6.5))


def at(slot: int) -> datetime:
    """Return the start of a slot of the session, from 0."""
    return OPEN + timedelta(minutes=5 * slot)


def wire(slot: int, close: str = "1.25", volume: str = "10", vwap: str = "1.2345", count: str = "3") -> list[str]:
    """Return a bar's eight strings."""
    return [str(OPEN_S + 300 * slot), "1.20", "1.30", "1.15", close, volume, vwap, count]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.05", Decimal("0.05")),
        ("650.000000000000123", Decimal("650.000000000000123")),
        ("1.5E2", Decimal(150)),
        ("0", Decimal(0)),
        ("-1", None),
        ("-1.0", None),
        ("NaN", None),
        ("Infinity", None),
        ("1.7976931348623157E308", None),
        ("", None),
        ("-0.5", Decimal("-0.5")),
    ],
)
def test_a_number_is_exactly_what_ib_wrote_or_nothing(text: str, number: Decimal | None) -> None:
    """-1, NaN, infinite, unset and empty are None; all else keeps each digit."""
    assert exact(text) == number


def test_a_trades_bar_carries_everything() -> None:
    """Prices, volume, vwap and count come over exactly, stamped with the start in UTC."""
    expected = Bar(OPEN, 12_000, 13_000, 11_500, 12_500, 100_000, 3, 12_345)
    assert bars(wire(0), OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end) == (expected,)


def test_a_quote_bar_has_no_volume() -> None:
    """What IB sends as -1 for quotes is absent, and so is anything else that it might send there."""
    expected = Bar(OPEN, 12_000, 13_000, 11_500, 12_500)
    assert bars(
        wire(0, volume="-1", vwap="-1", count="-1"), OPTION_BARS_5MIN, WhatToShow.BID, SESSION, SESSION.end
    ) == (expected,)
    assert bars(wire(0), OPTION_BARS_5MIN, WhatToShow.ASK, SESSION, SESSION.end) == (expected,)


def test_a_quote_that_did_not_exist_is_dropped_and_half_of_one_kept() -> None:
    """Without a close there is no bar; without an open the close stands for it."""
    half = [str(OPEN_S + 300), "-1", "0.10", "-1", "0.05", "-1", "-1", "-1"]
    found = bars([*wire(0, close="-1"), *half], OPTION_BARS_5MIN, WhatToShow.BID, SESSION, SESSION.end)
    assert found == (Bar(at(1), 500, 1_000, 500, 500),)


def test_bars_come_in_order_once_each_inside_the_span() -> None:
    """Repeats keep the last, disorder is put right, and what starts outside the span is dropped."""
    fields = wire(2) + wire(1) + wire(1, close="1.26") + wire(-1) + wire(78)
    found = bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, at(90))
    assert [bar.time for bar in found] == [at(1), at(2)]
    assert found[0].close == 12_600


def test_the_forming_bar_is_dropped() -> None:
    """A bar that ends later than the last complete slot is dropped, one that ends with it is kept."""
    fields = wire(0) + wire(1) + wire(2)
    assert [bar.time for bar in bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, at(2))] == [at(0), at(1)]
    assert [
        bar.time for bar in bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, at(2) - timedelta(seconds=1))
    ] == [at(0)]
    assert bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, OPEN) == ()


@pytest.mark.parametrize(
    "fields",
    [
        wire(0)[:-1],
        ["20261120 09:30:00", *wire(0)[1:]],
        [*wire(0)[:4], "abc", *wire(0)[5:]],
        wire(0, volume="many"),
    ],
    ids=["a field short", "no epoch", "no number", "no volume"],
)
def test_what_is_not_bars_is_refused(fields: list[str]) -> None:
    """Malformed fields never become bars nor an empty answer."""
    with pytest.raises(MalformedBars):
        bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end)


def test_what_cannot_be_true_is_not_judged_here() -> None:
    """A trade without a price, one of 1e-30 and one off the grid come over, each in its place: quality refuses them."""
    late = [str(OPEN_S + 3 * 300 + 60), *wire(3)[1:]]
    fields = [*wire(0), *wire(1, close="NaN"), *wire(2, close="1e-30"), *late, *wire(4, close="-1")]
    found = bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end)
    assert [bar.time for bar in found] == [at(0), at(1), at(2), at(3) + timedelta(minutes=1), at(4)]
    assert [bar.close for bar in found] == [12_500, NO_NUMBER, 0, 12_500, NO_NUMBER]
    assert [bar.sent is None for bar in found] == [True, False, False, True, False]
    assert found[2].exact()[3] == Decimal("1e-30")


@pytest.mark.parametrize(
    ("text", "close", "exactly"),
    [
        ("1.25", 12_500, "1.25"),
        ("1.2500", 12_500, "1.25"),
        ("1.25000", 12_500, "1.25"),
        ("650", 6_500_000, "650"),
        ("1.5E2", 1_500_000, "150"),
        ("+0.5", 5_000, "0.5"),
        (".5", 5_000, "0.5"),
        ("5.", 50_000, "5"),
        ("0", 0, "0"),
        ("0.00005", 1, "0.00005"),
        ("0.00004", 0, "0.00004"),
        ("1e-30", 0, "1e-30"),
        ("1.23456", 12_346, "1.23456"),
        ("-0.5", -5_000, "-0.5"),
        ("3000000000", 30_000_000_000_000, "3000000000"),
        ("123456789012345678901234567890.5", 1234567890123456789012345678905000, "123456789012345678901234567890.5"),
        ("650.000000000000123", 6_500_000, "650.000000000000123"),
        ("-1", NO_NUMBER, "NaN"),
        ("NaN", NO_NUMBER, "NaN"),
        ("", NO_NUMBER, "NaN"),
        ("1.7976931348623157E308", NO_NUMBER, "NaN"),
    ],
)
def test_a_price_is_whole_and_nothing_that_came_is_lost(text: str, close: int, exactly: str) -> None:
    """Any spelling gives its ten-thousandths, halves away from zero; what they do not say stands beside them."""
    (bar,) = bars(wire(0, close=text), OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end)
    kept = bar.exact()[3]
    assert kept is not None
    assert kept == Decimal(exactly) or (exactly == "NaN" and kept.is_nan())
    assert bar.close == close
    assert bar[1:4] == (12_000, 13_000, 11_500)


@pytest.mark.parametrize(
    ("field", "text", "whole"),
    [
        ("volume", "2.5", 25_000),
        ("volume", "1.7976931348623157E308", None),
        ("volume", "-1", None),
        ("volume", "-5", -50_000),
        ("vwap", "1.23456789", 12_346),
        ("vwap", "-1", None),
        ("bar_count", "3000000000", 3_000_000_000),
        ("bar_count", "-1", None),
    ],
)
def test_what_belongs_to_trades_is_whole_or_nothing(field: str, text: str, whole: int | None) -> None:
    """Volume and average are ten-thousandths, the number of trades is one; -1 and "unset" are None."""
    name = "count" if field == "bar_count" else field
    (bar,) = bars(wire(0, **{name: text}), OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end)
    assert getattr(bar, field) == whole


@given(st.decimals(0, 10**9, places=4, allow_nan=False), st.booleans())
def test_up_to_four_decimals_come_back_as_they_went(number: Decimal, short: bool) -> None:
    """The text of any such number, with or without zeros at its end, becomes a whole number that stands for it."""
    text = format(number.normalize() if short else number, "f")
    (bar,) = bars(
        wire(0, close=text, volume=text, vwap=text), OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end
    )
    assert bar.sent is None
    assert {bar.close, bar.volume, bar.vwap} == {int(number * 10_000)}
    assert bar.exact()[3:] == (number,) * 3


def test_a_bar_off_the_grid_is_complete_with_the_slot_that_it_lies_in() -> None:
    """A minute into the last complete slot it is kept, a minute into the forming one it is dropped."""
    late = [text for slot in (1, 2) for text in [str(OPEN_S + slot * 300 + 60), *wire(slot)[1:]]]
    assert [bar.time for bar in bars(late, OPTION_BARS_5MIN, WhatToShow.BID, SESSION, at(2))] == [
        at(1) + timedelta(minutes=1)
    ]


@given(st.lists(st.integers(-20, 100), max_size=60))
def test_any_arrival_order_gives_the_same_bars(slots: list[int]) -> None:
    """Whatever the order and the repeats: ascending, unique, inside the span, and nothing inside it lost."""
    fields = [text for slot in slots for text in wire(slot)]
    found = bars(fields, OPTION_BARS_5MIN, WhatToShow.TRADES, SESSION, SESSION.end)
    assert [bar.time for bar in found] == [at(slot) for slot in sorted({slot for slot in slots if 0 <= slot < 78})]
