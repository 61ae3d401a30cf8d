from datetime import UTC, date, datetime

import pytest

from collector.archive import bar_schemas
from collector.archive.file_facts import RowFacts
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from tests.support.archived_bars import line, session

DAY, NEXT = date(2026, 11, 24), date(2026, 11, 25)
SCHEMA = bar_schemas.schema(OPTION_BARS_5MIN)


def facts(*texts: bytes) -> RowFacts:
    """Return the facts of rows, added text by text."""
    found = RowFacts(SCHEMA)
    for text in texts:
        found.add(bar_schemas.table(OPTION_BARS_5MIN, text))
    return found


def at(hour: int, day: date = DAY) -> datetime:
    """Return a full hour."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_sums_and_keys_are_those_of_the_rows() -> None:
    """Sums count the last digit, without NULL; the keys are those of the first and the last row."""
    found = facts(
        line(OPTION_BARS_5MIN, time=at(15), contract_id=7, open=10, close=12, up=0, down=0, volume=3, flags=4),
        line(OPTION_BARS_5MIN, time=at(16), contract_id=7),
        line(OPTION_BARS_5MIN, time=at(15), contract_id=9, open=20, close=21, up=1, down=0, volume=5, delta=-7),
    ).file_facts(1, "x")
    assert (found.rows, found.first_key, found.last_key) == (3, (7, at(15)), (9, at(15)))
    assert {name: found.sums[name] for name in ("open", "high", "volume", "delta", "flags", "contract_id")} == {
        "open": 3000,
        "high": 3400,
        "volume": 8,
        "delta": -7,
        "flags": 4,
        "contract_id": 23,
    }
    assert found.as_json()["first_key"] == [7, "2026-11-24T15:00:00+00:00"]


def test_a_sum_may_need_more_than_eight_bytes() -> None:
    """A column of wide numbers adds up exactly."""
    rows = [
        line(OPTION_BARS_5MIN, time=at(hour), contract_id=1, created_at=datetime(9000, 1, 1, tzinfo=UTC))
        for hour in range(24)
    ]
    found = facts(*rows * 1)
    one = (datetime(9000, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days * 86_400 * 10**6
    assert found.file_facts(0, "").sums["created_at"] == 24 * one


@pytest.mark.parametrize("change", [{"volume": 4}, {"volume": None}, {"flags": 1}, {"unit": 1}, {"contract_id": 8}])
def test_a_session_s_hash_is_that_of_each_value(change: dict[str, object]) -> None:
    """One other value, also 0 instead of NULL, makes another hash."""
    values = {"time": at(15), "contract_id": 7, "volume": 0, "open": 1, "up": 0, "down": 0, "close": 1}
    one, other = (facts(line(OPTION_BARS_5MIN, **(values | more))).sessions()[0] for more in ({}, change))
    assert one.rows == other.rows == 1
    assert one.hash != other.hash


def test_a_session_s_hash_does_not_depend_on_its_company() -> None:
    """It is the same in pieces, and among the rows of other sessions."""
    alone = facts(session(DAY, [1, 2, 3], 4))
    pieces = facts(*session(DAY, [1, 2, 3], 4).splitlines(keepends=True))
    mixed = facts(*(session(day, [contract], 4, seed=7) for contract in (1,) for day in (DAY, NEXT)))
    first = facts(session(DAY, [1], 4))
    assert pieces.file_facts(0, "") == alone.file_facts(0, "")
    assert mixed.sessions() == (first.sessions()[0], facts(session(NEXT, [1], 4)).sessions()[0])
    assert mixed.days() == (DAY, NEXT)


@pytest.mark.parametrize("hours", [(15, 14), (15, 15)])
def test_rows_ascend(hours: tuple[int, int]) -> None:
    """A key that is there twice, or comes late, is told, in one table or in two."""
    lines = [line(OPTION_BARS_5MIN, time=at(hour), contract_id=1) for hour in hours]
    for texts in ([b"".join(lines)], lines):
        with pytest.raises(ValueError, match="not sorted"):
            facts(*texts)
