"""Sessions against the exchange's published calendar, written down by hand."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from collector.domain.errors import NotASession, UsageError
from collector.market import exchange
from collector.market.calendar import Calendar

CALENDAR = Calendar()


def utc(text: str) -> datetime:
    """Return an aware instant from 'YYYY-MM-DD HH:MM' in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "day", "opens", "closes", "early"),
    [
        ("TSLA", date(2026, 11, 20), "2026-11-20 14:30", "2026-11-20 21:00", False),
        ("SPY", date(2026, 11, 20), "2026-11-20 14:30", "2026-11-20 21:15", False),
        ("spy", date(2026, 7, 1), "2026-07-01 13:30", "2026-07-01 20:15", False),
        ("PLTR", date(2026, 7, 1), "2026-07-01 13:30", "2026-07-01 20:00", False),
        ("PLTR", date(2026, 3, 6), "2026-03-06 14:30", "2026-03-06 21:00", False),  # the Friday before US DST
        ("PLTR", date(2026, 3, 9), "2026-03-09 13:30", "2026-03-09 20:00", False),  # the Monday after it
        ("PLTR", date(2026, 10, 30), "2026-10-30 13:30", "2026-10-30 20:00", False),  # before US DST ends
        ("PLTR", date(2026, 11, 2), "2026-11-02 14:30", "2026-11-02 21:00", False),
        ("TSLA", date(2026, 11, 27), "2026-11-27 14:30", "2026-11-27 18:00", True),  # the day after Thanksgiving
        ("SPY", date(2026, 11, 27), "2026-11-27 14:30", "2026-11-27 18:15", True),
        ("QQQ", date(2026, 12, 24), "2026-12-24 14:30", "2026-12-24 18:15", True),  # Christmas Eve
        ("AAPL", date(2026, 12, 31), "2026-12-31 14:30", "2026-12-31 21:00", False),
        ("SPY", date(2025, 7, 3), "2025-07-03 13:30", "2025-07-03 17:15", True),
    ],
)
def test_session_hours(symbol: str, day: date, opens: str, closes: str, early: bool) -> None:
    """Opens and closes are right per product, in winter, summer and on early-close days."""
    session = CALENDAR.session(symbol, day)
    assert (utc(opens), utc(closes), early) == (session.open, session.close, session.early_close)


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2026, 11, 21), "Saturday"),
        (date(2026, 11, 22), "Sunday"),
        (date(2026, 1, 1), "New Year's Day"),
        (date(2026, 1, 19), "Martin Luther King Jr. Day"),
        (date(2026, 2, 16), "Presidents' Day"),
        (date(2026, 4, 3), "Good Friday"),
        (date(2026, 5, 25), "Memorial Day"),
        (date(2026, 6, 19), "Juneteenth"),
        (date(2026, 7, 3), "Independence Day (observed)"),  # 4 July 2026 is a Saturday
        (date(2026, 9, 7), "Labor Day"),
        (date(2026, 11, 26), "Thanksgiving Day"),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2027, 12, 24), "Christmas Day (observed)"),
        (date(2025, 1, 9), "Jimmy Carter"),
        (date(2018, 12, 5), "George H. W. Bush"),
    ],
)
def test_why_no_session(day: date, reason: str) -> None:
    """A date without a session says why, by the name that people use."""
    with pytest.raises(NotASession) as raised:
        CALENDAR.session("SPY", day)
    assert reason in raised.value.message


def test_hint_names_the_neighbours() -> None:
    """The hint names the sessions before and after the closed date."""
    with pytest.raises(NotASession) as raised:
        CALENDAR.session("SPY", date(2026, 11, 26))
    assert raised.value.hint == "The sessions next to it are 2026-11-25 and 2026-11-27."


def test_next_open_skips_holidays() -> None:
    """A session before a long week-end points at the open after it."""
    assert utc("2026-04-06 13:30") == CALENDAR.session("SPY", date(2026, 4, 2)).next_open


def test_sessions_of_thanksgiving_week() -> None:
    """A range holds its sessions, both ends included."""
    week = CALENDAR.sessions("TSLA", date(2026, 11, 23), date(2026, 11, 29))
    assert [date(2026, 11, d) for d in (23, 24, 25, 27)] == [session.day for session in week]


def test_previous_and_next() -> None:
    """Neighbours of sessions, holidays and week-ends."""
    assert date(2026, 11, 25) == CALENDAR.previous(date(2026, 11, 26))
    assert date(2026, 11, 25) == CALENDAR.previous(date(2026, 11, 27))
    assert date(2026, 12, 28) == CALENDAR.next(date(2026, 12, 24))
    assert date(2027, 1, 4) == CALENDAR.next(date(2026, 12, 31))


@pytest.mark.parametrize(
    ("now", "symbol", "day"),
    [
        ("2026-11-20 21:00", "TSLA", date(2026, 11, 20)),  # at the close itself
        ("2026-11-20 21:00", "SPY", date(2026, 11, 19)),  # SPY's options still trade
        ("2026-11-20 21:15", "SPY", date(2026, 11, 20)),
        ("2026-11-21 02:00", "SPY", date(2026, 11, 20)),  # Saturday 04:00 in Israel
        ("2026-11-22 12:00", "SPY", date(2026, 11, 20)),
        ("2026-11-26 23:00", "TSLA", date(2026, 11, 25)),  # Thanksgiving evening
        ("2026-11-27 18:10", "SPY", date(2026, 11, 25)),
        ("2026-11-27 18:15", "SPY", date(2026, 11, 27)),
    ],
)
def test_last_completed(now: str, symbol: str, day: date) -> None:
    """The last completed session is the product's own, in New York's date."""
    assert day == CALENDAR.last_completed(utc(now), symbol).day


def test_current_session() -> None:
    """A session is current from its open until its product's close."""
    assert CALENDAR.current(utc("2026-11-20 14:29"), "SPY") is None
    assert CALENDAR.current(utc("2026-11-20 21:05"), "TSLA") is None
    current = CALENDAR.current(utc("2026-11-20 21:05"), "SPY")
    assert current is not None
    assert date(2026, 11, 20) == current.day
    assert CALENDAR.current(utc("2026-11-21 15:00"), "SPY") is None


def test_close_can_be_overridden() -> None:
    """A configured close wins over the table, also on early-close days."""
    calendar = Calendar({"pltr": time(16, 15), "SPY": time(16, 0)})
    assert utc("2026-11-20 21:15") == calendar.session("PLTR", date(2026, 11, 20)).close
    assert utc("2026-11-27 18:15") == calendar.session("PLTR", date(2026, 11, 27)).close
    assert utc("2026-11-20 21:00") == calendar.session("SPY", date(2026, 11, 20)).close


def test_dates_outside_the_calendar() -> None:
    """A date that the calendar does not know is refused in words."""
    with pytest.raises(UsageError, match="outside the calendar"):
        CALENDAR.session("SPY", date(1999, 12, 31))


def test_cache_replaces_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start reads the cache and asks exchange_calendars for nothing; a broken cache is made anew."""
    first = exchange.exchange_days("XNYS", tmp_path)
    (cached,) = tmp_path.iterdir()
    with monkeypatch.context() as patched:
        patched.delattr(exchange, "_ask")
        assert first == exchange.exchange_days("XNYS", tmp_path)
    cached.write_text("{", encoding="utf-8")
    assert first == exchange.exchange_days("XNYS", tmp_path)


def test_unwritable_cache_is_done_without(tmp_path: Path) -> None:
    """A cache directory that cannot be made costs nothing but time."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    calendar = Calendar(cache_dir=blocked / "cache")
    assert calendar.is_session(date(2026, 11, 20))


def test_a_declared_closure_is_no_session() -> None:
    """The day before it is followed by the day after it, and the reason is said; other days are as they were."""
    closed = Calendar(closures={date(2026, 11, 20): "a day of mourning"})
    assert not closed.is_session(date(2026, 11, 20))
    assert closed.why_closed(date(2026, 11, 20)) == "the exchange is closed for a day of mourning"
    assert (closed.next(date(2026, 11, 19)), closed.previous(date(2026, 11, 23))) == (
        date(2026, 11, 23),
        date(2026, 11, 19),
    )
    assert closed.session("SPY", date(2026, 11, 19)).next_open == utc("2026-11-23 14:30")
    with pytest.raises(NotASession, match="a day of mourning"):
        closed.session("SPY", date(2026, 11, 20))
    monday = date(2026, 11, 23)
    assert closed.session("SPY", monday) == CALENDAR.session("SPY", monday)


def test_a_declared_early_close_moves_every_product() -> None:
    """Products that trade a quarter of an hour longer do so on such a day, too."""
    early = Calendar({"TSLA": time(15, 0)}, early_closes={date(2026, 11, 20): time(12, 0)})
    closes = {symbol: early.session(symbol, date(2026, 11, 20)).close for symbol in ("SPY", "PLTR", "TSLA")}
    assert closes == {"SPY": utc("2026-11-20 17:15"), "PLTR": utc("2026-11-20 17:00"), "TSLA": utc("2026-11-20 16:00")}
    assert early.session("SPY", date(2026, 11, 20)).early_close
    assert not CALENDAR.session("SPY", date(2026, 11, 20)).early_close
