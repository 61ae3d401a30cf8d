"""What is stored: growth and the day on which the disk is full."""

import pytest

from collector.domain.reports.storage_report import StorageReport, StorageSizes
from collector.notify.reports import wording

_DAY_S = 86_400.0


def _sizes(database: int, free: int | None) -> StorageSizes:
    return StorageSizes(database=database, raw=1_000_000, compressed=2_000_000, aggregates=0, free=free)


@pytest.mark.parametrize(
    ("days", "database", "free", "growth", "full"),
    [
        (7, 1_400, 9_000, 400, 63.0),  # a thousand gone in a week, nine left
        (14, 1_400, 9_000, 200, 126.0),
        (7, 900, 11_000, -100, None),
        (7, 1_000, 10_000, 0, None),
    ],
)
def test_pace(days: float, database: int, free: int, growth: float, full: float | None) -> None:
    """Growth is a week's; the disk is full when what is free has gone at the pace at which room went."""
    found = StorageReport(now=_sizes(database, free), before=_sizes(1_000, 10_000), elapsed_s=days * _DAY_S)
    assert found.growth_a_week == growth
    assert found.full_in_days == full


def test_nothing_is_said_of_what_was_never_measured() -> None:
    """Without earlier figures, or without the disk's, there is no pace."""
    assert StorageReport(now=_sizes(1_000, 9_000)).growth_a_week is None
    assert StorageReport(now=_sizes(1_000, 9_000)).full_in_days is None
    found = StorageReport(now=_sizes(1_000, None), before=_sizes(1_000, 10_000), elapsed_s=_DAY_S)
    assert found.full_in_days is None


def test_words() -> None:
    """Sizes in decimal units, growth with its sign, the disk with what is free, used and left."""
    sizes = StorageSizes(
        database=3_100_000,
        raw=1_000_000,
        compressed=2_000_000,
        aggregates=100_000,
        archive=5,
        backups=6,
        logs=7,
        free=90,
    )
    before = StorageSizes(database=3_000_000, raw=0, compressed=0, aggregates=0, free=100)
    assert wording.storage(StorageReport(now=sizes, before=before, elapsed_s=7 * _DAY_S), 0.5) == (
        ("Database", "3.1 MB: 1.0 MB raw bars, 2.0 MB compressed, 100.0 kB summaries"),
        ("Growth", "+100.0 kB a week"),
        ("Archive", "5 B"),
        ("Backups", "6 B"),
        ("Logs", "7 B"),
        ("Disk", "90 B free, 50.0 % used, full in 63 days at this pace"),
    )
    assert wording.storage(None) == ()
