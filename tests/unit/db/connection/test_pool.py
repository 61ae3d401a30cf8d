"""What goes over the wire: values of the trade in, values of the trade out, and how a session begins."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.db.connection import pool, sql_values
from collector.domain.errors import DatabaseError, DatabaseUnavailable, DiskFull
from collector.domain.market_data.spans import Span, Spans

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
HOUR = Span(OPEN, OPEN + timedelta(hours=1))
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def test_literals() -> None:
    """Spans are written as PostgreSQL reads ranges, bounds half-open."""
    assert sql_values.span_literal(HOUR) == "[2026-11-20T14:30:00+00:00,2026-11-20T15:30:00+00:00)"
    assert sql_values.spans_literal(Spans()) == "{}"
    later = Span(OPEN + timedelta(hours=2), OPEN + timedelta(hours=3))
    assert sql_values.spans_literal(Spans([HOUR, later])).count("[") == 2


def test_the_name_of_a_session() -> None:
    """A name that is too long for the server is not cut inside a letter."""
    assert pool.session_name("ü" * 40) == "ü" * 31


def test_what_the_driver_is_told() -> None:
    """The URL's own time-out counts, keep-alive is asked of the server, and what says nothing to us is left out."""
    given = pool.driver_arguments(
        "postgresql://a%40b@h/x?connect_timeout=3&keepalives_idle=30&gssencmode=disable&sslmode=require&application_name=x",
        "collector",
    )
    assert given == {
        "dsn": "postgresql://a%40b@h/x?sslmode=require",
        "timeout": 3.0,
        "server_settings": {"application_name": "collector", "tcp_keepalives_idle": "30"},
    }
    assert pool.driver_arguments("postgresql://h/x?connect_timeout=0", "collector")["timeout"] == 10.0


@pytest.mark.parametrize(
    "url",
    ["postgresql://user:pass/word@host/db", "postgres://a:s3cret@b:c:d/f", "mysql://x:s3cret@y/z", "s3cret"],
)
async def test_an_unreadable_url_is_not_repeated(url: str) -> None:
    """A URL that cannot be parsed may hold the password anywhere: nothing of it is shown, not even as the cause."""
    with pytest.raises(DatabaseError, match="cannot be read as a PostgreSQL URL") as caught:
        async with pool.connect(url, SystemClock()):
            pass
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    with pytest.raises(DatabaseError, match="cannot be read as a PostgreSQL URL"):
        await pool.open_connection(url, SystemClock(), application_name="test")


@pytest.mark.parametrize(
    ("error", "least_s", "most_s"),
    [(DatabaseUnavailable("it restarts"), 45, 60), (DiskFull("No space left on device"), 1, 5)],
)
def test_a_full_disk_is_not_waited_for(
    error: DatabaseUnavailable, least_s: float, most_s: float, virtual_run: Run
) -> None:
    """A server that restarts has a minute to come back; a full disk is reported within seconds."""

    async def main() -> None:
        clock = VirtualClock(OPEN)
        database = pool.Database(None, clock, 1, "")  # it is never reached

        async def ask() -> None:
            raise error

        with database.patience(60), pytest.raises(type(error)):
            await database.patiently(ask)
        assert least_s <= (clock.now() - OPEN).total_seconds() <= most_s

    virtual_run(main)
