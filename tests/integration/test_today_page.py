"""The first page on days on which little is there, or the clocks change."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collector.app import maintenance, opening
from collector.clock import SystemClock
from collector.config import Settings
from collector.db.bars import bar_tables
from collector.db.connection.pool import Database, connect
from collector.db.contracts import lifecycle
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OPTION_SERIES, WhatToShow
from collector.notify.alerts.alert_memory import AlertFile, AlertMemory, OpenCondition
from collector.notify.alerts.alert_rules import Rule
from collector.runs import counting
from tests.support.db_rows import FRIDAY, answer, answers, make_chain, quote, trade
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


async def test_a_configured_symbol_of_which_nothing_came(plain_database_url: str, tmp_path: Path) -> None:
    """It stands in the calendar as not collected, and what came of the others is not trusted without saying so."""
    settings, evening = settings_of(plain_database_url, tmp_path), datetime(2026, 11, 20, 20, tzinfo=NEW_YORK)
    async with connect(plain_database_url, SystemClock(evening), size=1) as db:
        await _whole(db, settings)
    async with served(settings, plain_database_url, evening) as site:
        document = (await site.get("/api/v1/")).document

    assert document["trust"]["level"] == "warning"
    assert document["trust"]["words"] == "Use Fri 20 Nov with care: SPY not collected; PLTR 100.0 % complete."
    cells = {one["symbol"]: one["weeks"][-1][4]["state"] for one in document["calendars"]}
    assert cells == {"SPY": "nothing", "PLTR": "complete"}


async def test_a_forgotten_session_is_complete_no_more(plain_database_url: str, tmp_path: Path) -> None:
    """Forgetting shows at once: neither the calendar nor the last chances wait for the next run to count."""
    settings, evening = settings_of(plain_database_url, tmp_path), datetime(2026, 11, 20, 20, tzinfo=NEW_YORK)
    clock = SystemClock(evening)
    async with connect(plain_database_url, clock, size=1) as db:
        await _whole(db, settings)
    async with served(settings, plain_database_url, evening) as site:
        before = (await site.get("/api/v1/")).document
        await maintenance.forget(settings, FRIDAY.day, ["PLTR"], clock)
        after = (await site.get("/api/v1/")).document
        listed = (await site.get("/api/v1/sessions")).document["sessions"][0]["symbols"]

    def cell(document: dict[str, Any]) -> tuple[str, float]:
        [calendar] = [one for one in document["calendars"] if one["symbol"] == "PLTR"]
        return calendar["weeks"][-1][4]["state"], calendar["weeks"][-1][4]["completeness"]

    def chances(document: dict[str, Any]) -> list[tuple[int, int]]:
        return [(one["saved"], one["open"]) for one in document["expiring"]]

    assert (cell(before), chances(before)) == (("complete", 1.0), [(2, 0)])
    assert (cell(after), chances(after)) == (("partial", 0.0), [(0, 2)])
    assert "PLTR partial: 0.0 % complete" in after["trust"]["words"]
    assert [(one["state"], one["standing"]["completeness"]) for one in listed] == [("partial", 0.0)]


async def test_a_session_says_what_it_cannot_know_yet(plain_database_url: str, tmp_path: Path) -> None:
    """Before the close what has not happened is not called a fault, and a symbol that never came is named."""
    settings, noon = settings_of(plain_database_url, tmp_path), datetime(2026, 11, 20, 12, tzinfo=NEW_YORK)
    async with connect(plain_database_url, SystemClock(noon), size=1) as db:
        await _whole(db, settings)
    said = {}
    for at in (noon, noon.replace(hour=20)):
        async with served(settings, plain_database_url, at) as site:
            document = (await site.get("/api/v1/sessions/2026-11-20")).document
            page = (await site.get("/sessions/2026-11-20")).text
        assert document["not_known"] == ["SPY"]
        assert "Nothing is known yet of SPY" in page
        said[at.hour] = document["over"], "The session is not over" in page

    assert said == {12: (False, True), 20: (True, False)}


async def _whole(db: Database, settings: Settings) -> None:
    """Store Friday of two contracts of PLTR that expire on it, whole, and count it as a run does at its end."""
    chain = await make_chain(db, expiration=FRIDAY.day)
    every = {what.value: answer([trade(0)] if what is WhatToShow.TRADES else [quote(0)]) for what in OPTION_SERIES}
    await bar_tables.store(db, [answers(one, **every) for one in chain.contracts], 1)
    await lifecycle.mark_expiry_collected(db, OPTION_BARS_5MIN, chain.underlying.id, FRIDAY, OPTION_SERIES)
    await counting.measure(db, settings, opening.calendar(settings), chain.underlying, FRIDAY)
