"""The page of the schedule, on days on which something is unusual."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from collector.domain.coverage.coverage_rules import NEW_YORK
from tests.support.pages import Answer, served, settings_of


@asynccontextmanager
async def _page(url: str, folder: Path, now: datetime, days: int) -> AsyncIterator[tuple[Any, Answer]]:
    async with served(settings_of(url, folder), url, now) as site:
        yield (
            (await site.get(f"/api/v1/schedule?days={days}")).document,
            await site.get(f"/schedule?days={days}"),
        )


async def test_a_week_with_a_change_of_clocks(plain_database_url: str, tmp_path: Path) -> None:
    """Israel goes back a week before New York: the page says so, and eod is at 22:45 in Israel instead of 23:45."""
    friday = datetime(2026, 10, 23, 12, tzinfo=NEW_YORK)
    async with _page(plain_database_url, tmp_path, friday, 11) as (document, page):
        by_day = {day["day"]: day for day in document["days"]}

    assert document["clocks"] == (
        "It is Fri 19:00 in Israel, Fri 12:00 in New York, Fri 16:00 UTC: Israel is 7 hours ahead of New York."
    )
    assert by_day["2026-10-25"]["notes"] == ["Israel moves its clocks back 1 h", "Israel is 6 hours ahead"]
    assert by_day["2026-11-01"]["notes"] == ["New York moves its clocks back 1 h", "Israel is 7 hours ahead"]
    assert "<td>Fri 23:45</td><td>Fri 16:45</td><td>Fri 20:45</td>" in page.text
    assert "<td>Mon 22:45</td><td>Mon 16:45</td><td>Mon 20:45</td>" in page.text
    assert "<td>Mon 23:45</td><td>Mon 16:45</td><td>Mon 21:45</td>" in page.text


async def test_a_holiday_an_early_close_and_what_is_off(plain_database_url: str, tmp_path: Path) -> None:
    """Thanksgiving has no session, and says why; the day after closes early; windows that are off are named."""
    async with _page(plain_database_url, tmp_path, datetime(2026, 11, 25, 12, tzinfo=NEW_YORK), 3) as (document, page):
        _, thursday, friday = document["days"]

    assert (thursday["closed"], thursday["opens"], thursday["notes"]) == (
        "the exchange is closed for Thanksgiving Day",
        None,
        [],
    )
    assert "– the exchange is closed for Thanksgiving Day" in page.text
    assert friday["closes"] == "2026-11-27T18:15:00+00:00"  # SPY's options trade a quarter of an hour longer
    assert "early close 13:15 New York" in friday["notes"]
    assert "Fri 16:30–Fri 20:15 Israel · Fri 09:30–Fri 13:15 New York · Fri 14:30–Fri 18:15 UTC" in page.text
    assert {"pre_market", "afternoon"} <= set(document["off"])
    assert "pre_market, afternoon" in page.text
