"""Which sessions share an object of the archive, and when it is due."""

from dataclasses import replace
from datetime import date

from collector.db.archive.manifest import Held, Partition
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY, DataSet
from collector.jobs.archiving import periods

FOLDER = "option_bars_5min/v1/symbol=SPY"
TODAY = date(2027, 1, 29)


def partition(day: date, change: int = 1, held: Held | None = None, data_set: DataSet = OPTION_BARS_5MIN) -> Partition:
    """Return a session's bars as the manifest and the counted changes have them."""
    return Partition(1, "SPY", data_set, day, change, held)


def held(path: str, change: int = 1, object_id: int = 1) -> Held:
    """Return what the manifest has of a session."""
    return Held(object_id, f"{FOLDER}/{path}.parquet", change, 10, "hash", settled=True, is_sound=True)


def paths(*found: Partition, today: date = TODAY, since: date | None = None) -> list[tuple[str, bool]]:
    """Return the paths of the periods, each with whether it is due."""
    return [(one.path.rpartition("/")[2], one.is_due) for one in periods.of(found, today, 60, since)]


def test_a_month_forms_when_it_has_been_over_for_so_many_days() -> None:
    """Sixty days after the end of November its sessions still have their own objects; a day later the month has one."""
    days = [partition(date(2026, 11, 25)), partition(date(2026, 11, 27))]
    assert paths(*days) == [("2026-11-25.parquet", True), ("2026-11-27.parquet", True)]
    assert paths(*days, today=date(2027, 1, 30)) == [("2026-11.parquet", True)]


def test_what_is_current_is_not_due() -> None:
    """An object is due while a session of it has changed since it was written, or is elsewhere."""
    day = date(2027, 1, 28)
    assert paths(partition(day, 3, held("2027-01-28", 3))) == [("2027-01-28.parquet", False)]
    assert paths(partition(day, 4, held("2027-01-28-0a1b2c3d", 3))) == [("2027-01-28.parquet", True)]
    assert paths(partition(day, 3, held("2027-01-28-0a1b2c3d", 3))) == [("2027-01-28.parquet", False)]


def test_what_was_found_damaged_is_due() -> None:
    """An object that was not what was written when it was last read is written anew, though nothing has changed."""
    day = date(2027, 1, 28)
    damaged = partition(day, 3, replace(held("2027-01-28", 3), is_sound=False))
    [one] = periods.of([damaged], TODAY, 60)
    assert (one.is_due, one.why) == (True, "damaged or missing")


def test_a_month_that_has_formed_stays() -> None:
    """Where one session is in its month's object, a later one of that month goes there, too."""
    first, second = date(2027, 1, 27), date(2027, 1, 28)
    assert paths(partition(first, 1, held("2027-01")), partition(second)) == [("2027-01.parquet", True)]


def test_bars_of_a_day_have_one_object_a_year() -> None:
    """Whatever their age; `since` leaves earlier years out."""
    days = [partition(date(year, 6, 1), data_set=UNDERLYING_BARS_1DAY) for year in (2025, 2026, 2027)]
    assert paths(*days, since=date(2026, 12, 1)) == [("2026.parquet", True), ("2027.parquet", True)]
