"""Splits and changed adjustments told from prices, written by hand in ten-thousandths of a USD."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from collector.domain.coverage.request_planning import overlapping
from collector.domain.market_data.adjustments import readjustments, split_factor
from collector.domain.market_data.bars import Bar
from collector.domain.market_data.data_sets import UNDERLYING_BARS_1DAY
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Spans

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def day(number: int) -> datetime:
    """Return the slot of a day of the week, Monday is 0."""
    return MONDAY + timedelta(days=number)


def bar(number: int, open_: int, high: int, low: int, close: int) -> Bar:
    """Return a bar of a day."""
    return Bar(day(number), open_, high, low, close)


STORED = [bar(0, 3_000_000, 3_060_000, 2_990_100, 3_030_000), bar(1, 3_030_000, 3_111_100, 3_020_000, 3_099_900)]


@pytest.mark.parametrize(
    ("told", "factor"),
    [
        ([(3_000_000, 3_060_000, 2_990_100, 3_030_000), (3_030_000, 3_111_100, 3_020_000, 3_099_900)], None),
        ([(1_000_000, 1_020_000, 996_700, 1_010_000), (1_010_000, 1_037_033, 1_006_667, 1_033_300)], 3),
        ([(30_000_000, 30_600_000, 29_901_000, 30_300_000), (30_300_000, 31_111_000, 30_200_000, 30_999_000)], 0.1),
        ([(2_857_143, 2_914_286, 2_847_714, 2_885_714), (2_885_714, 2_962_952, 2_876_190, 2_952_286)], 1.05),
        ([(3_000_000, 3_060_000, 2_990_100, 3_030_000), (3_030_000, 3_111_100, 3_020_000, 3_090_000)], None),
        ([(1_000_000, 1_020_000, 996_700, 1_010_000), (3_030_000, 3_111_100, 3_020_000, 3_099_900)], None),
        ([(3_000_010, 3_060_010, 2_990_110, 3_030_010), (3_030_010, 3_111_110, 3_020_010, 3_099_910)], None),
    ],
    ids=["equal", "three for one", "one for ten", "twenty-one for twenty", "one corrected", "one only", "rounded anew"],
)
def test_a_split_is_one_factor_for_all_prices(told: list[tuple[int, int, int, int]], factor: float | None) -> None:
    """Two sessions whose prices have all been divided by the same number were split; corrections are no split."""
    found = split_factor(zip(STORED, [bar(n, *prices) for n, prices in enumerate(told)], strict=True))
    assert found == (None if factor is None else pytest.approx(factor, abs=0.0005))


WEEK = [
    bar(n, 3_000_000 + more, 3_060_000 + more, 2_990_000 + more, 3_030_000 + more)
    for n, more in enumerate(range(0, 500_000, 100_000))
]
"""Five sessions, each some dollars above the one before."""


def divided(number: int, by: int, corrected: int = 0) -> Bar:
    """Return what the source tells of a session of WEEK: prices divided by a number, the close corrected besides."""
    at, *prices = WEEK[number][:5]
    open_, high, low, close = (round(price / by) for price in prices)
    return Bar(at, open_, high, low, close + corrected)


@pytest.mark.parametrize(
    ("told", "factor"),
    [
        ([divided(0, 3), divided(1, 3), divided(2, 3), divided(3, 1), divided(4, 1)], 3),
        ([divided(0, 3), divided(1, 3), divided(2, 1), divided(3, 1), divided(4, 1)], 3),
        ([divided(0, 3), divided(1, 3, corrected=400), divided(2, 3), divided(3, 3), divided(4, 3)], 3),
        ([divided(0, 3, corrected=400), divided(1, 3), divided(2, 1, corrected=900), divided(3, 3), divided(4, 1)], 3),
        ([divided(0, 6), divided(1, 6), divided(2, 6), divided(3, 2), divided(4, 2)], 6),
        ([divided(0, 6), divided(1, 2), divided(2, 2), divided(3, 2), divided(4, 1)], 2),
        ([divided(0, 3), divided(1, 1), divided(2, 1, corrected=9000), divided(3, 1, corrected=-400)], None),
    ],
    ids=[
        "late by two",
        "late by three",
        "one corrected",
        "late and corrected",
        "two splits",
        "two, late",
        "corrections",
    ],
)
def test_a_split_is_seen_among_bars_that_say_otherwise(told: list[Bar], factor: float | None) -> None:
    """What traded after the split, was corrected besides, or lies between two splits does not hide it."""
    found = split_factor(zip(WEEK, told, strict=False))
    assert found == (None if factor is None else pytest.approx(factor, abs=0.0005))


EX = 15
"""The number of a split's ex-date among the sessions of the story below."""
DIVIDENDS = {
    5: Fraction(99, 100),
    12: Fraction(7, 10),
    EX + 2: Fraction(3, 4),
    EX + 6: Fraction(8, 10),
    40: Fraction(9, 10),
}
"""What dividends leave of the price, by the number of their ex-date: one of 1 %, special ones of 10 to 30 %."""


def sessions(many: int) -> list[Session]:
    """Return so many sessions one after another, from MONDAY on."""
    opens = [day(n) + timedelta(hours=14, minutes=30) for n in range(many + 1)]
    return [
        Session(open_.date(), open_, open_ + timedelta(hours=6, minutes=30), following)
        for open_, following in itertools.pairwise(opens)
    ]


def traded(number: int, ratio: Fraction | int) -> list[int]:
    """Return what trades on a session, in ten-thousandths: whole cents, less dividends, in new shares."""
    level = Fraction(300 + number % 7)
    for ex, left in DIVIDENDS.items():
        level *= left if number >= ex else 1
    shares = ratio if number >= EX else 1
    return [round(level * percent / shares) * 100 for percent in (100, 103, 98, 101)]


def evenings(ratio: Fraction | int, late: int) -> Iterator[tuple[int, float | None]]:
    """Yield each evening's number and the split that it sees, of a source that adjusts so many sessions after EX."""
    known = sessions(EX + late + 3)
    as_traded = [bar(number, *traded(number, ratio)) for number in range(len(known))]
    divided = [bar(one, *(round(price / ratio) for price in traded(one, ratio))) for one in range(EX)] + as_traded[EX:]
    stored = as_traded[:5]
    for evening in range(5, len(known)):
        missing = Spans((UNDERLYING_BARS_1DAY.span(known[evening]),))
        asked = overlapping(UNDERLYING_BARS_1DAY, missing, known[: evening + 1])
        told = divided if evening >= EX + late else as_traded
        found = split_factor((old, new) for old, new in zip(stored, told, strict=False) if old.time in asked)
        stored = told[: evening + 1] if found else [*stored, told[evening]]
        yield evening, found


@pytest.mark.parametrize(
    "ratio", [2, 3, 4, 10, Fraction(1, 10), Fraction(3, 2), Fraction(5, 4), Fraction(4, 3)], ids=str
)
def test_a_split_is_seen_however_late_and_no_dividend_is(ratio: Fraction | int) -> None:
    """On the evening on which the source adjusts, up to thirty sessions late, and on no other."""
    for late in range(31):
        seen = {evening: factor for evening, factor in evenings(ratio, late) if factor is not None}
        assert seen == {EX + late: pytest.approx(float(ratio), rel=0.001)}, late


def test_one_session_shows_no_split() -> None:
    """A single bar may have been corrected, and nothing at all says nothing."""
    assert split_factor([(STORED[0], bar(0, 1_000_000, 1_020_000, 996_700, 1_010_000))]) is None
    assert split_factor([]) is None


def test_prices_of_a_fraction_of_a_cent_show_no_split() -> None:
    """What is rounded to a cent or to nothing leaves every factor possible."""
    assert split_factor([(bar(n, 40, 40, 40, 40), bar(n, 13, 13, 13, 13)) for n in range(5)]) is None


def test_a_dividend_is_one_stretch() -> None:
    """Earlier closes have changed by one factor, up to rounding; those from the ex-date on have not."""
    prices = [(day(n), close, round(close * 0.99)) for n, close in enumerate((1_000_001, 1_020_017, 998_003))]
    (found,) = readjustments([*prices, (day(3), 1_000_000, 1_000_000), (day(4), 1_010_000, 1_010_000)])
    assert (found.first, found.last, found.sessions) == (day(0), day(2), 3)
    assert found.factor == pytest.approx(1 / 0.99, abs=0.000_002)


def test_a_dividend_is_one_stretch_where_closes_are_whole_cents() -> None:
    """A source that rounds adjusted prices to cents changes each close by a factor that is a little different."""
    closes = [1_000_100, 1_020_000, 998_000, 35_500, 1_250_000, 9_900]
    prices = [(day(n), close, round(close * 0.997 / 100) * 100) for n, close in enumerate(closes)]
    (found,) = readjustments([*prices, (day(6), 1_000_000, 1_000_000)])
    assert (found.first, found.last, found.sessions) == (day(0), day(5), 6)
    assert found.factor == pytest.approx(1 / 0.997, abs=0.000_1)


def test_two_dividends_are_two_stretches() -> None:
    """Of two changes that are told at once the earlier sessions have both, the later ones the last."""
    closes = (1_000_000, 1_010_000, 1_020_000, 1_030_000)
    told = [round(close * factor) for close, factor in zip(closes, (0.98 * 0.99, 0.98 * 0.99, 0.99, 0.99), strict=True)]
    found = readjustments([(day(n), old, new) for n, (old, new) in enumerate(zip(closes, told, strict=True))])
    assert [(one.first, one.last) for one in found] == [(day(0), day(1)), (day(2), day(3))]
    assert [one.factor for one in found] == pytest.approx([1 / (0.98 * 0.99), 1 / 0.99], abs=0.000_003)


def test_what_is_rounded_anew_has_not_changed() -> None:
    """A last digit more or less is no adjustment."""
    assert readjustments([(day(n), 1_000_000, 1_000_001) for n in range(5)]) == []
    assert readjustments([]) == []
