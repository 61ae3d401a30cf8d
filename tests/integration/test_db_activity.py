"""Activity of contracts: volumes from the stored bars, open interest as it was told."""

from datetime import date, timedelta

from collector.config.activity import ActivitySettings
from collector.db import activity, bars
from collector.db.pool import Database
from collector.domain.activity import Activity
from collector.domain.instruments import OptionContract
from collector.market.calendar import Calendar
from collector.pipeline import activity as filters
from tests.db_rows import FRIDAY, MONDAY, answer, answers, make_chain, quote, rows, trade


async def test_volumes_and_open_interest(database: Database) -> None:
    """Averages are of the sessions before the latest; the latest open interest counts; the week's data is seen."""
    chain = await make_chain(database, 3)
    busy, quiet, unseen = chain.contracts
    friday = [answers(busy, TRADES=answer([trade(n, volume="4") for n in range(10)]))]
    friday.append(answers(quiet, TRADES=answer(), BID=answer([quote(0)])))
    await bars.store(database, friday, 1)
    monday = answers(busy, TRADES=answer([trade(n, volume="50", session=MONDAY) for n in range(5)], session=MONDAY))
    await bars.store(database, [monday], 1)
    await activity.store_open_interest(database, {busy.id: 90}, FRIDAY)
    changed = await activity.store_open_interest(database, {busy.id: 120, quiet.id: 7}, MONDAY)

    found = await activity.activities(
        database, chain.underlying.id, MONDAY, FRIDAY.open - timedelta(days=30), MONDAY.open
    )

    assert found == {
        busy.id: Activity(120, 1, 40.0, 250.0, held_this_week=True),
        quiet.id: Activity(7, 1, 0.0, 0.0),
        unseen.id: Activity(None, 0, 0.0, 0.0),
    }
    assert changed == 5
    told = await rows(database, "SELECT DISTINCT time::date::text, open_interest FROM option_bars_5min ORDER BY 1, 2")
    assert told == [("2026-11-20", 90), ("2026-11-20", None), ("2026-11-23", 120)]
    assert await activity.store_open_interest(database, {}, MONDAY) == 0


async def test_filters_of_selection(database: Database) -> None:
    """Off, nothing is left out; on, a contract with history and hardly a trade is, unless the week holds data of it."""
    chain = await make_chain(database, 3, expiration=date(2026, 12, 18), symbol="PLTR", select_from=date(2026, 11, 2))
    busy, quiet, unseen = chain.contracts
    calendar = Calendar()
    for session in calendar.sessions("PLTR", date(2026, 11, 2), date(2026, 11, 20)):
        found = [trade(0, volume="30", session=session)]
        batch = [answers(busy, TRADES=answer(found, session=session))]
        if session.day.day < 20:
            batch.append(answers(quiet, TRADES=answer([trade(0, volume="1", session=session)], session=session)))
        await bars.store(database, batch, 1)
    monday, on = date(2026, 11, 23), ActivitySettings(enabled=True)

    async def kept(settings: ActivitySettings, day: date) -> list[OptionContract]:
        return await filters.active(database, settings, calendar, chain.underlying, day, chain.contracts)

    assert await kept(ActivitySettings(), monday) == [busy, quiet, unseen]
    assert await kept(on, monday) == [busy, unseen]
    assert await kept(on, date(2026, 11, 20)) == [busy, quiet, unseen]
