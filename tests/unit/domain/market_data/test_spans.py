"""Spans and sets of spans, checked against plain sets of slots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.spans import Span, Spans
from tests.support.slots import SLOT

ORIGIN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def at(index: int) -> datetime:
    """Return the start of slot number `index`."""
    return ORIGIN + index * SLOT


def slots_of(spans: Spans) -> set[datetime]:
    """Return the slots of a set, one by one."""
    return {slot for span in spans for slot in OPTION_BARS_5MIN.slots(span)}


pieces = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda p: Span(at(p[0]), at(p[0] + p[1]))), max_size=6
).map(Spans)


@given(pieces, pieces)
def test_arithmetic_is_that_of_sets(a: Spans, b: Spans) -> None:
    """Union, intersection and difference of span sets are those of the sets of their slots."""
    assert slots_of(a | b) == slots_of(a) | slots_of(b)
    assert slots_of(a & b) == slots_of(a) & slots_of(b)
    assert slots_of(a - b) == slots_of(a) - slots_of(b)


@given(pieces, pieces)
def test_normal_form(a: Spans, b: Spans) -> None:
    """Every result is ascending, disjoint and not even adjacent, so equal sets are equal values."""
    for spans in (a | b, a & b, a - b):
        ordered = list(spans)
        assert all(left.end < right.start for left, right in pairwise(ordered))
        assert Spans(Span(slot, slot + SLOT) for slot in slots_of(spans)) == spans


def test_duration_and_hull() -> None:
    """Length adds up without the holes; the hull covers them."""
    spans = Spans((Span(at(0), at(2)), Span(at(5), at(6))))
    assert spans.duration == timedelta(minutes=15)
    assert spans.hull == Span(at(0), at(6))
    with pytest.raises(ValueError, match="empty set"):
        _ = Spans().hull


def test_bounds_are_checked() -> None:
    """Naive bounds and empty spans are refused where they are made."""
    with pytest.raises(ValueError, match="aware"):
        Span(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="empty"):
        Span(at(1), at(1))
    assert Spans.of(at(2), at(1)) == Spans()
