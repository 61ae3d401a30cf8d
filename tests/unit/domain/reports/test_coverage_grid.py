"""What is held of a session, condensed: nothing is lost but which contract of a band it was."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.reports.coverage_grid import MOST_BANDS, MOST_SECTIONS, CoverageGrid, Holding

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)


@given(
    sizes=st.lists(st.integers(1, 30), max_size=14),
    width=st.integers(1, 12),
    seed=st.integers(0, 2**16),
)
def test_nothing_is_lost(sizes: list[int], width: int, seed: int) -> None:
    """Whatever the chain: every slot is counted once, sections hold whole expirations, and there are never too many."""
    contracts = [
        (FRIDAY + timedelta(days=7 * week), 100.0 + n // 2) for week, size in enumerate(sizes) for n in range(size)
    ]
    held = np.random.default_rng(seed).integers(0, len(Holding), (len(contracts), width), dtype=np.uint8)
    slots = [START + timedelta(minutes=5 * n) for n in range(width)]

    grid = CoverageGrid.of(slots, contracts, held)

    assert len(grid.sections) <= MOST_SECTIONS
    assert [one.contracts for one in grid.sections] == [
        sum(one.first <= expiration <= one.last for expiration, _ in contracts) for one in grid.sections
    ]
    assert sum(one.contracts for one in grid.sections) == len(contracts)
    for section in grid.sections:
        assert len(section.bands) == min(MOST_BANDS, section.contracts)
        strikes = [strike for expiration, strike in contracts if section.first <= expiration <= section.last]
        assert (section.lowest, section.highest) == (min(strikes), max(strikes))
    for holding in Holding:
        if holding is not Holding.UNEXPECTED:
            assert grid.total(holding) == int((held == holding).sum())
            by_slot = [
                sum(band.counts(holding, width)[n] for section in grid.sections for band in section.bands)
                for n in range(width)
            ]
            assert by_slot == (held == holding).sum(axis=0).tolist()


def test_neighbours_share_a_section() -> None:
    """Of more expirations than there are sections, those that follow each other stand together."""
    contracts = [(FRIDAY + timedelta(days=n), 100.0) for n in range(12)]
    grid = CoverageGrid.of([START], contracts, np.full((12, 1), Holding.VALUED, np.uint8))
    assert [(one.first, one.last) for one in grid.sections] == [
        (FRIDAY + timedelta(days=2 * n), FRIDAY + timedelta(days=2 * n + 1)) for n in range(6)
    ]
