"""What was expected of times without a session is withdrawn, and only that."""

from datetime import UTC, date, datetime, time, timedelta

from collector.db.bookkeeping import closed_days
from collector.db.connection.pool import Database
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN, UNDERLYING_BARS_1DAY, DataSet
from collector.domain.market_data.spans import Span, Spans
from collector.market.calendar import Calendar
from tests.support.db_rows import make_chain, rows

FRIDAY = date(2026, 11, 20)
CLOSED = Calendar(closures={FRIDAY: "a storm"})
EARLY = Calendar(early_closes={FRIDAY: time(13, 0)})
GAP = (
    "INSERT INTO historical_data_gaps (instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type,"
    " detected_at) VALUES ($1, $2, 'TRADES', $3, $4, $5, 'missing_bars', now()) RETURNING id"
)
GAPS = "SELECT state, gap_start, gap_end FROM historical_data_gaps ORDER BY gap_start, state"
LETTER = (
    "INSERT INTO dead_letters (instrument_id, data_set, what_to_show, span, outcome, message, first_failed_at,"
    " last_failed_at) VALUES ($1, $2, 'TRADES', tstzrange($3, $4), 'unknown', '', now(), now()) RETURNING id"
)
LETTERS = "SELECT lower(span), upper(span), resolution FROM dead_letters ORDER BY id"


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    """Return an instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


OPENS, CLOSES = utc(20, 14, 30), utc(20, 21)


async def withdrawn(db: Database, calendar: Calendar, data_set: DataSet, underlying_id: int) -> list[date]:
    """Withdraw what a calendar knows better, and see that a repetition finds nothing."""
    closed = calendar.closed(data_set, "PLTR")
    days = await closed_days.withdraw(db, data_set, underlying_id, closed)
    assert await closed_days.withdraw(db, data_set, underlying_id, closed) == []
    return days


async def test_gaps_of_a_closed_day(database: Database) -> None:
    """Open and lost ones go; filled ones, other days', other underlyings' and other kinds' stay."""
    pltr, tsla = await make_chain(database), await make_chain(database, symbol="TSLA")
    call, put = pltr.contracts
    for owner, data_set, state, start in (
        (call.id, 1, "open", OPENS),
        (put.id, 1, "lost", OPENS),
        (pltr.underlying.key, 1, "open", OPENS + timedelta(hours=1)),
        (call.id, 1, "filled", OPENS + timedelta(hours=2)),
        (call.id, 1, "open", OPENS - timedelta(days=1)),
        (tsla.contracts[0].id, 1, "open", OPENS + timedelta(hours=3)),
        (pltr.underlying.key, 2, "open", OPENS + timedelta(hours=4)),
    ):
        await rows(database, GAP, owner, data_set, state, start, start + timedelta(minutes=5))

    assert await withdrawn(database, CLOSED, OPTION_BARS_5MIN, pltr.underlying.id) == [FRIDAY]

    assert [row[:2] for row in await rows(database, GAPS)] == [
        ("open", OPENS - timedelta(days=1)),
        ("filled", OPENS + timedelta(hours=2)),
        ("open", OPENS + timedelta(hours=3)),
        ("open", OPENS + timedelta(hours=4)),
    ]


async def test_what_follows_an_early_close(database: Database) -> None:
    """A gap and a letter over the whole day end at the close; those of the afternoon go."""
    chain = await make_chain(database)
    call, put = chain.contracts
    close = utc(20, 18)
    await rows(database, GAP, call.id, 1, "open", OPENS, CLOSES)
    await rows(database, GAP, put.id, 1, "open", close, CLOSES)
    await rows(database, LETTER, call.id, 1, OPENS, CLOSES)
    await rows(database, LETTER, put.id, 1, close, CLOSES)
    await rows(database, LETTER, put.id, 1, OPENS, close)

    assert await withdrawn(database, EARLY, OPTION_BARS_5MIN, chain.underlying.id) == [FRIDAY]

    assert await rows(database, GAPS) == [("open", OPENS, close)]
    assert await rows(database, LETTERS) == [
        (OPENS, close, None),
        (close, CLOSES, "closed"),
        (OPENS, close, None),
    ]


async def test_a_letter_that_would_become_another_one(database: Database) -> None:
    """Of two letters that would be about the same slots, one is closed."""
    chain = await make_chain(database)
    (call, _) = chain.contracts
    await rows(database, LETTER, call.id, 1, OPENS, CLOSES)
    await rows(database, LETTER, call.id, 1, OPENS, utc(20, 18))

    await withdrawn(database, EARLY, OPTION_BARS_5MIN, chain.underlying.id)

    assert await rows(database, LETTERS) == [(OPENS, CLOSES, "closed"), (OPENS, utc(20, 18), None)]


async def test_a_gap_of_daily_bars_over_a_week(database: Database) -> None:
    """Days before and after the closed one are missing still, with what was known of the gap; the closed one is not."""
    chain = await make_chain(database)
    data_set = UNDERLYING_BARS_1DAY.id
    await rows(database, GAP, chain.underlying.key, data_set, "open", utc(19, 0), utc(24, 0))

    assert CLOSED.closed(UNDERLYING_BARS_1DAY, "PLTR") == Spans((Span(utc(20, 0), utc(21, 0)),))
    assert EARLY.closed(UNDERLYING_BARS_1DAY, "PLTR") == Spans()
    await withdrawn(database, CLOSED, UNDERLYING_BARS_1DAY, chain.underlying.id)

    assert await rows(database, GAPS) == [("open", utc(19, 0), utc(20, 0)), ("open", utc(21, 0), utc(24, 0))]
