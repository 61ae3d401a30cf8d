"""The first page on days on which little is there, or the clocks change."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, OpenCondition
from collector.notify.alerts.alert_rules import Rule
from tests.support.pages import served, settings_of


async def test_an_empty_database_on_a_sunday(plain_database_url: str, tmp_path: Path) -> None:
    """Nothing fails: nothing was collected, nothing is at work; the day of 25 hours has its marks where clocks show."""
    sunday = datetime(2026, 11, 1, 12, tzinfo=NEW_YORK)
    async with served(settings_of(plain_database_url, tmp_path), plain_database_url, sunday) as site:
        document, page = (await site.get("/api/v1/")).document, await site.get("/")

    assert page.status == 200
    assert "Nothing was collected of Fri 30 Oct." in page.text
    assert document["trust"] == {
        "session": "2026-10-30",
        "level": "bad",
        "words": "Nothing was collected of Fri 30 Oct.",
    }
    assert document["now"]["work"] is None
    assert (document["calendars"], document["expiring"], document["alerts"]) == ([], [], [])
    assert document["notes"] == ["New York moves its clocks back 1 h", "Israel is 7 hours ahead"]
    line = document["line"]
    assert (line["opens"], line["closes"]) == (None, None)
    assert line["now"] == pytest.approx(13 / 25, abs=0.005)  # the clock goes on
    assert [hour["clocks"] for hour in line["hours"][:3]] == [
        ["06", "00", "04"],
        ["09", "02", "07"],
        ["12", "05", "10"],
    ]
    assert [one["window"] for one in document["windows"]] == ["chain_refresh"]
    assert document["windows"][0]["state"] == "next"


async def test_what_needs_somebody(plain_database_url: str, tmp_path: Path) -> None:
    """What the process finds wrong comes first, then what was told by mail and is not over, the oldest first."""
    settings = settings_of(plain_database_url, tmp_path)
    began = datetime(2026, 11, 19, 12, tzinfo=NEW_YORK)
    known = [
        OpenCondition(rule=Rule.DISK_LOW, key="disk", text="9 GB are free", since=began.replace(hour=14), told=None),
        OpenCondition(rule=Rule.BACKUP_MISSING, key="backup", text="no backup since Monday", since=began, told=began),
    ]
    file = AlertFile.below(settings.notify, settings.log.path)
    file.path.parent.mkdir(parents=True)
    file.save(AlertMemory(conditions=tuple(known)))
    async with served(settings, plain_database_url, began.replace(hour=20)) as site:
        site.process.stands = replace(site.process.stands, problems=("eod of 2026-11-19 has not run",))
        alerts = (await site.get("/api/v1/")).document["alerts"]
        page = await site.get("/")

    assert [one["words"] for one in alerts] == [
        "eod of 2026-11-19 has not run",
        "no backup since Monday",
        "9 GB are free",
    ]
    assert [one["since"] and one["since"][:16] for one in alerts] == [None, "2026-11-19T17:00", "2026-11-19T19:00"]
    assert "no backup since Monday" in page.text
