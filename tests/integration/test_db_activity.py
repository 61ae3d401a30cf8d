"""Activity of contracts: volumes from the stored bars, open interest as it was told."""

from datetime import date, timedelta
from decimal import Decimal

from collector.config import ActivitySettings, SelectionSettings, Settings
from collector.db.bars import bar_tables
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables as contract_store
from collector.db.contracts import traded_activity
from collector.domain.coverage.activity_rules import Activity
from collector.domain.coverage.selection import Market
from collector.domain.market_data.instruments import OptionContract
from collector.market.calendar import Calendar
from collector.runs.preparing import activity_filter as filters
from collector.runs.preparing.discovery import Discovery
from collector.runs.source import NoSource
from tests.support.db_rows import FRIDAY, MONDAY, answer, answers, make_chain, quote, rows, trade


async def test_volumes_and_open_interest(database: Database) -> None:
    """Averages are of the sessions before the latest; the latest open interest counts; the week's data is seen."""
    chain = await make_chain(database, 3)
    busy, quiet, unseen = chain.contracts
    friday = [answers(busy, TRADES=answer([trade(n, volume="4") for n in range(10)]))]
    friday.append(answers(quiet, TRADES=answer(), BID=answer([quote(0)])))
    await bar_tables.store(database, friday, 1)
    monday = answers(busy, TRADES=answer([trade(n, volume="50", session=MONDAY) for n in range(5)], session=MONDAY))
    await bar_tables.store(database, [monday], 1)
    await traded_activity.store_open_interest(database, {busy.id: 90}, FRIDAY)
    changed = await traded_activity.store_open_interest(database, {busy.id: 120, quiet.id: 7}, MONDAY)

    found = await traded_activity.activities(
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
    assert await traded_activity.store_open_interest(database, {}, MONDAY) == 0


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
        await bar_tables.store(database, batch, 1)
    monday, on = date(2026, 11, 23), ActivitySettings(enabled=True)

    async def kept(settings: ActivitySettings, day: date) -> list[OptionContract]:
        return await filters.active(database, settings, calendar, chain.underlying, day, chain.contracts)

    assert await kept(ActivitySettings(), monday) == [busy, quiet, unseen]
    assert await kept(on, monday) == [busy, unseen]
    assert await kept(on, date(2026, 11, 20)) == [busy, quiet, unseen]


async def test_the_filters_choose(database: Database) -> None:
    """A dead contract is selected no more from the week's first session on; unusual, held and unknown ones stay."""
    chain = await make_chain(database, 5, expiration=date(2026, 12, 18), symbol="PLTR", select_from=date(2026, 11, 2))
    busy, dead, sudden, held, unseen = chain.contracts
    calendar, monday, tuesday = Calendar(), date(2026, 11, 23), date(2026, 11, 24)

    async def trade_volumes(day: date, **volumes: str) -> None:
        session, by_name = calendar.session("PLTR", day), {"busy": busy, "dead": dead, "sudden": sudden, "held": held}
        await bar_tables.store(
            database,
            [
                answers(by_name[name], TRADES=answer([trade(0, volume=volume, session=session)], session=session))
                for name, volume in volumes.items()
            ],
            1,
        )

    async def selected(day: date) -> list[OptionContract]:
        return await contract_store.selected(database, chain.underlying.id, day, day)

    def discovery(settings: ActivitySettings) -> Discovery:
        everything = SelectionSettings.model_validate({"regimes": [{"band": 1, "min_strikes": 9}]})
        own = Settings().model_copy(update={"activity": settings, "selection": everything})
        return Discovery(database, NoSource(database.clock), own, database.clock, calendar)

    for session in calendar.sessions("PLTR", date(2026, 11, 2), date(2026, 11, 19)):
        await trade_volumes(session.day, busy="30", dead="1", sudden="1", held="1")
    await trade_volumes(date(2026, 11, 20), busy="30", dead="1", sudden="5", held="1")
    level = (Decimal(103), Decimal("0.5"))

    assert await discovery(ActivitySettings()).select(chain.underlying, Market(monday, *level)) == 0
    assert await selected(monday) == [busy, dead, sudden, held, unseen]

    on = discovery(ActivitySettings(enabled=True))
    await trade_volumes(monday, busy="30", held="1")
    assert await on.choice(chain.underlying, Market(monday, *level)) == [busy, sudden, held, unseen]
    assert await on.select(chain.underlying, Market(monday, *level)) == 0
    assert await selected(monday) == [busy, sudden, held, unseen]
    assert await selected(date(2026, 11, 20)) == [busy, dead, sudden, held, unseen]

    await trade_volumes(monday, sudden="1")
    await on.select(chain.underlying, Market(tuesday, *level))
    assert await selected(tuesday) == [busy, sudden, held, unseen], "Monday's data keeps them for the week"
    assert await discovery(ActivitySettings()).select(chain.underlying, Market(tuesday, *level)) == 1
    assert await selected(tuesday) == [busy, dead, sudden, held, unseen]
    assert dead not in await selected(monday)


async def test_open_interest_alone_leaves_out(database: Database) -> None:
    """With volume enough, fewer open contracts than the stock's least leave a contract out; never told does not."""
    chain = await make_chain(database, 2, expiration=date(2026, 12, 18), symbol="PLTR", select_from=date(2026, 11, 2))
    few, untold = chain.contracts
    calendar = Calendar()
    sessions = calendar.sessions("PLTR", date(2026, 11, 2), date(2026, 11, 20))
    for session in sessions:
        batch = [
            answers(one, TRADES=answer([trade(0, volume="30", session=session)], session=session))
            for one in chain.contracts
        ]
        await bar_tables.store(database, batch, 1)
    await traded_activity.store_open_interest(database, {few.id: 49}, sessions[-1])
    on = ActivitySettings(enabled=True)
    kept = await filters.active(database, on, calendar, chain.underlying, date(2026, 11, 23), chain.contracts)
    assert kept == [untold]
    await traded_activity.store_open_interest(database, {few.id: 50}, sessions[-1])
    kept = await filters.active(database, on, calendar, chain.underlying, date(2026, 11, 23), chain.contracts)
    assert kept == [few, untold]
