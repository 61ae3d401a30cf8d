"""What goes over the wire: values of the trade in, values of the trade out, and how a session begins."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.clock import SystemClock
from collector.db import pool
from collector.domain.errors import DatabaseError
from collector.domain.spans import Span, Spans

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
HOUR = Span(OPEN, OPEN + timedelta(hours=1))


def test_literals() -> None:
    """Spans are written as PostgreSQL reads ranges, bounds half-open."""
    assert pool.span_literal(HOUR) == "[2026-11-20T14:30:00+00:00,2026-11-20T15:30:00+00:00)"
    assert pool.spans_literal(Spans()) == "{}"
    later = Span(OPEN + timedelta(hours=2), OPEN + timedelta(hours=3))
    assert pool.spans_literal(Spans([HOUR, later])).count("[") == 2


def test_session_settings() -> None:
    """Every session is in UTC, bounded in time, and bears a name that the server does not cut inside a letter."""
    settings = pool.session_settings("ü" * 40)
    assert settings["timezone"] == "UTC"
    assert settings["application_name"] == "ü" * 31
    assert settings["lock_timeout"] == "15s"


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
