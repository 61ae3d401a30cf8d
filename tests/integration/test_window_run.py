"""A whole window, end to end: gateway over a socket, bars in the database, compared with the simulator's truth."""

import traceback
from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import structlog
from pydantic import SecretStr

from collector.app import composition, maintenance, opening
from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock
from collector.config import (
    DatabaseSettings,
    GatewaySettings,
    LogSettings,
    RegimeSource,
    RepairSettings,
    SelectionSettings,
    Settings,
)
from collector.config.package_files import resource
from collector.db.schema import features
from collector.db.upkeep import compaction
from collector.domain.errors import DatabaseError
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.sessions import Session
from collector.domain.market_data.spans import Span
from collector.domain.run_vocabulary import RunStatus, Window
from collector.market.calendar import Calendar
from collector.runs import window_run
from collector.runs.orders import backfill_order, order_for
from collector.simulator import texts
from collector.simulator.scenarios import named
from collector.simulator.scenarios.answers import Refused
from collector.simulator.server import Gateway
from tests.support.arena import Arena
from tests.support.engines import Engine
from tests.support.truth import (
    compare,
    option_truth,
    selected,
    span_of,
    stored_options,
    stored_underlyings,
    underlying_truth,
)
from tests.support.window_runs import FRIDAY, narrow, parts_for, run_window

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
SYMBOLS = ("SPY", "PLTR", "TSLA")


def settings_for(url: str, gateway: Gateway, folder: Path, **more: Any) -> Settings:  # noqa: ANN401 - sections
    """Return a configuration that names its database, gateway and log, as a command has it."""
    return narrow(
        "PLTR",
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(host=gateway.host, port=gateway.port),
        log=LogSettings(directory=folder),
        **more,
    )


async def fetch(url: str, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement, *args))
    finally:
        await connection.close()


async def test_what_is_stored_is_the_truth(database_url: str, gateway: Gateway, gateway_clock: SystemClock) -> None:
    """Every value of every slot of every selected contract equals the truth, every slot is there, and nothing else."""
    finished = await run_window(database_url, gateway, narrow(), gateway_clock)
    assert finished.status is RunStatus.SUCCESS, finished
    compared = await compare(database_url, gateway.market, [FRIDAY], SYMBOLS)
    assert compared["contracts"] >= 40
    assert finished.tally.inserted == compared["rows"]
    assert gateway.log.violations == []


async def test_an_orders_sessions_are_looked_up_once(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They travel with the order: what prepares, plans, fetches, proves and closes asks the calendar no more."""
    asked: list[tuple[str, str]] = []
    look_up = Calendar.session

    def session(calendar: Calendar, symbol: str, day: date) -> Session:
        frames = (frame for frame, _ in traceback.walk_stack(None))
        named = ((frame.f_globals["__name__"], frame.f_code.co_name) for frame in frames)
        caller = next(one for one in named if one[0] not in (__name__, Calendar.__module__))
        if day == FRIDAY and symbol == "PLTR":
            asked.append(caller)
        return look_up(calendar, symbol, day)

    monkeypatch.setattr(Calendar, "session", session)
    await run_window(plain_database_url, gateway, narrow("PLTR"), gateway_clock)
    assert asked.count(("collector.runs.preparing.contract_scope", "dated")) == 1
    rooms = ("preparing.preparation", "planning", "fetching", "evidence.proving", "collecting", "closing")
    assert [one for one in asked if one[0].startswith(tuple(f"collector.runs.{room}" for room in rooms))] == []


async def test_again_asks_for_nothing_and_force_finds_everything_identical(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A second run makes no historical request and changes no row; a forced one asks again and changes none."""
    settings = narrow("PLTR")
    first = await run_window(database_url, gateway, settings, gateway_clock)
    everything = "SELECT md5(string_agg(b::text, '|' ORDER BY contract_id, time)) FROM option_bars_5min b"
    before, asked = await fetch(database_url, everything), len(gateway.log.historical)
    second = await run_window(database_url, gateway, settings, gateway_clock)
    assert second.status is RunStatus.SUCCESS
    assert len(gateway.log.historical) == asked
    forced = await run_window(database_url, gateway, settings, gateway_clock, force=True)
    assert len(gateway.log.historical) == 2 * asked + forced.tally.controls
    assert forced.tally.controls == 3  # one a series of the options
    assert (forced.tally.inserted, forced.tally.updated) == (0, 0)
    assert forced.tally.identical == first.tally.inserted
    assert await fetch(database_url, everything) == before
    runs = await fetch(
        database_url,
        "SELECT attempt, status, bars_collected, bars_skipped FROM intraday_collection_runs ORDER BY attempt",
    )
    rows = first.tally.inserted
    assert [tuple(run) for run in runs] == [(1, "success", rows, 0), (2, "success", 0, 0), (3, "success", 0, rows)]


@pytest.mark.gateway(at=datetime(2026, 11, 20, 12, 2, tzinfo=ZoneInfo("America/New_York")))
async def test_an_intraday_window_covers_without_settling(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """At noon complete slots are stored and covered, the forming bar is not, and the evening asks for all again."""
    settings = narrow("PLTR")
    noon = await run_window(plain_database_url, gateway, settings, gateway_clock, Window.MIDDAY)
    assert noon.status is RunStatus.SUCCESS
    await compare(plain_database_url, gateway.market, [FRIDAY], ["PLTR"])
    last = await fetch(plain_database_url, "SELECT max(time) FROM option_bars_5min")
    assert last[0][0] == datetime(2026, 11, 20, 11, 55, tzinfo=ZoneInfo("America/New_York"))
    settled = await fetch(plain_database_url, "SELECT count(*) FROM request_coverage WHERE settled <> '{}'")
    assert settled[0][0] == 0
    gateway_clock.set(datetime(2026, 11, 20, 16, 46, tzinfo=ZoneInfo("America/New_York")))
    evening = await run_window(plain_database_url, gateway, settings, gateway_clock)
    assert evening.status is RunStatus.SUCCESS
    await compare(plain_database_url, gateway.market, [FRIDAY], ["PLTR"])
    missing = await fetch(plain_database_url, "SELECT count(*) FROM request_coverage WHERE settled = '{}'")
    assert missing[0][0] == 0


async def test_one_unknown_symbol_does_not_stop_the_others(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """The unknown one is left out with its reason, the run is partial, the other symbol is complete."""
    finished = await run_window(plain_database_url, gateway, narrow("NOSUCH", "PLTR"), gateway_clock)
    assert finished.status is RunStatus.PARTIAL
    assert [(left.symbol, left.failure.outcome) for left in finished.not_prepared] == [
        ("NOSUCH", Outcome.UNKNOWN_CONTRACT)
    ]
    await compare(plain_database_url, gateway.market, [FRIDAY], ["PLTR"])


async def test_one_unknown_symbol_does_not_stop_the_chains_of_others(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Chains that were read make the refresh partial, which is not repeated for ever; none makes it failed."""
    both = await run_window(
        plain_database_url, gateway, narrow("NOSUCH", "PLTR"), gateway_clock, Window.CHAIN_REFRESH, day=FRIDAY
    )
    assert both.status is RunStatus.PARTIAL
    assert (await fetch(plain_database_url, "SELECT count(*) > 0 FROM option_chains"))[0][0]
    none = await run_window(
        plain_database_url, gateway, narrow("NOSUCH"), gateway_clock, Window.CHAIN_REFRESH, day=FRIDAY
    )
    assert none.status is RunStatus.FAILED


@pytest.mark.parametrize("regime_source", ["underlying", "vix"])
async def test_a_session_without_a_complete_slot(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock, regime_source: str
) -> None:
    """In a session's first five minutes there is nothing to ask for, and that is a success."""
    plain = narrow("PLTR")
    selection = plain.selection.model_copy(update={"regime_source": RegimeSource(regime_source)})
    settings = plain.model_copy(update={"selection": selection})
    assert (await run_window(plain_database_url, gateway, settings, gateway_clock)).status is RunStatus.SUCCESS
    gateway_clock.set(datetime(2026, 11, 23, 9, 32, tzinfo=NEW_YORK))
    asked = len(gateway.log.historical)
    early = await run_window(plain_database_url, gateway, settings, gateway_clock, Window.MANUAL)
    assert (early.status, early.error) == (RunStatus.SUCCESS, None)
    assert len(gateway.log.historical) == asked


async def test_the_slowest_requests_are_noted(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Each request is on record with contract, series and outcome; the status query shows the slowest."""
    finished = await run_window(plain_database_url, gateway, narrow("PLTR"), gateway_clock)
    shown = await fetch(plain_database_url, ((resource("sql") / "status") / "slowest_requests.sql").read_text())
    slowest = sorted(finished.tally.latencies_s, reverse=True)[:20]
    seconds = [float(row["seconds"]) for row in shown]
    assert seconds == sorted(seconds, reverse=True)
    # Sent by the earliest that the source's clock can have meant, which tells whole seconds.
    assert all(least <= found < least + 1.05 for found, least in zip(seconds, slowest, strict=True))
    assert await fetch(plain_database_url, "SELECT DISTINCT run_id FROM requests") == [(finished.run_id,)]
    counted = await fetch(plain_database_url, "SELECT count(*) FROM requests")
    assert counted == [(finished.tally.attempts,)]
    asked = {(str(entry.con_id), entry.what_to_show) for entry in gateway.log.historical}
    ids = "SELECT contract_symbol, ib_con_id FROM option_chains"
    numbers = {row["contract_symbol"]: str(row["ib_con_id"]) for row in await fetch(plain_database_url, ids)}
    numbers["PLTR"] = "444857009"
    assert {(numbers[row["contract"]], row["series"]) for row in shown} <= asked
    assert {row["outcome"] for row in shown} <= {"bars", "no_data"}
    assert {(row["id"], row["run_date"], row["run_type"]) for row in shown} == {(finished.run_id, FRIDAY, "eod")}


def test_a_withheld_tail_costs_no_bar(arena: Arena, virtual_run: Run) -> None:
    """After an early close, off the grid by seconds: what notice 2188 left in doubt is made good by the next run."""
    settings, day = narrow("SPY", horizon_days=0, strikes=2), date(2026, 11, 27)

    async def main() -> None:
        clock = VirtualClock(datetime(2026, 11, 27, 13, 30, 5, tzinfo=NEW_YORK))
        await arena.empty(clock)
        withheld = named("withheld-tail", hits=9999, share=1.0)
        async with Gateway(arena.market(7, clock), clock, [withheld]) as gateway:
            await run_window(arena.url, gateway, settings, clock, day=day)
            async with arena.directly(clock) as connection:
                settled = await connection.fetch("SELECT DISTINCT upper(settled) FROM request_coverage")
            assert [row[0] for row in settled] == [datetime(2026, 11, 27, 18, tzinfo=UTC)]
            clock.set(datetime(2026, 11, 27, 18, 0, tzinfo=NEW_YORK))
            finished = await run_window(arena.url, gateway, settings, clock, day=day)
            assert finished.status is RunStatus.SUCCESS
            with clock.hold():
                await compare(arena.url, gateway.market, [day], ["SPY"])

    virtual_run(main)


@pytest.mark.gateway(scenarios=[named("extended-hours")])
async def test_what_traded_in_the_nights_between_is_no_fault(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A request over several sessions brings pre- and after-market bars, which are neither kept nor called untrue."""
    settings = narrow("PLTR", horizon_days=0, strikes=1)
    async with parts_for(plain_database_url, gateway, settings, gateway_clock) as parts:
        order = backfill_order(settings, parts.calendar, gateway_clock.now(), 4)
        finished = await window_run.run(order, parts)
    [whole] = [one for one in gateway.log.historical if one.con_id == 444857009 and one.what_to_show == "TRADES"]
    own = gateway.market.truth(444857009, "TRADES", span_of([date(2026, 11, 16), FRIDAY]))
    # At least four nights between five sessions, each of 48 slots after the close and 66 before the open.
    assert whole.bars - len(own) >= 4 * (48 + 66)
    assert finished.tally.quarantined == 0
    assert await fetch(plain_database_url, "SELECT count(*) FROM quarantined_bars") == [(0,)]
    stored = (await stored_underlyings(plain_database_url))[444857009]
    assert stored == underlying_truth(gateway.market, "PLTR", span_of([date(2026, 11, 16), FRIDAY]))


@pytest.mark.gateway(
    scenarios=[Refused("told", 162, texts.NO_PERMISSION.format(what="of DU7654321"), share=1.0, hits=3, heals=False)]
)
async def test_a_report_holds_no_secret(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock, tmp_path: Path
) -> None:
    """What IB says of an account is cut out of the report: of its file, and of what `--json` and the channels get."""
    settings = settings_for(plain_database_url, gateway, tmp_path)
    order = order_for(Window.EOD, settings, opening.calendar(settings), gateway_clock.now())
    report = (await composition.run_window(settings, order, gateway_clock)).report
    assert "of DU***" in str(report)
    assert "7654321" not in str(report)
    (kept,) = (tmp_path / "reports").glob("run-*.json")
    assert "of DU***" in kept.read_text()
    assert "7654321" not in kept.read_text()


@pytest.mark.gateway(at=datetime(2026, 11, 19, 12, 30, tzinfo=NEW_YORK))
async def test_statistics_follow_what_repairs_a_session(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """A night later the session is whole, and its statistics say so; what they say of its own run stays."""
    settings = narrow("PLTR")
    thursday = """
        SELECT data_completeness_percent, unknown_slots > 0 AS unknown, quote_percent, collection_duration_seconds
        FROM collection_statistics WHERE collection_date = '2026-11-19'
    """
    await run_window(plain_database_url, gateway, settings, gateway_clock, Window.MIDDAY)
    [noon] = await fetch(plain_database_url, thursday)
    assert (noon["data_completeness_percent"], noon["unknown"]) == (0, True)
    gateway_clock.set(datetime(2026, 11, 20, 18, 0, tzinfo=NEW_YORK))
    await run_window(plain_database_url, gateway, settings, gateway_clock, Window.LATE_NIGHT)
    stored = await stored_options(plain_database_url)
    for con_id in await selected(plain_database_url, FRIDAY - DAY):
        assert stored[con_id] == option_truth(gateway.market, con_id, span_of([FRIDAY - DAY, FRIDAY]))
    [night] = await fetch(plain_database_url, thursday)
    assert (night["data_completeness_percent"], night["unknown"]) == (100, False)
    assert night["collection_duration_seconds"] == noon["collection_duration_seconds"]


async def test_a_backfill_gives_every_session_its_statistics(
    plain_database_url: str, gateway: Gateway, gateway_clock: SystemClock
) -> None:
    """Sessions on which no window ran have a row afterwards: complete, with its quality, without a run's duration."""
    settings = narrow("PLTR")
    for later in (timedelta(0), timedelta(minutes=31)):  # what surprises is asked for once more, half an hour later
        gateway_clock.set(gateway_clock.now() + later)
        async with parts_for(plain_database_url, gateway, settings, gateway_clock) as parts:
            await window_run.run(backfill_order(settings, parts.calendar, gateway_clock.now(), 3), parts)
    found = await fetch(
        plain_database_url,
        """
        SELECT extract(DAY FROM collection_date), data_completeness_percent, quote_percent > 0,
            collection_duration_seconds IS NOT NULL
        FROM collection_statistics ORDER BY collection_date
        """,
    )
    assert [tuple(row) for row in found] == [
        (17, 100, True, False),
        (18, 100, True, False),
        (19, 100, True, False),
        (20, 100, True, True),
    ]


@pytest.mark.gateway(at=datetime(2026, 11, 20, 12, 2, tzinfo=NEW_YORK))
async def test_summaries_know_what_a_run_stored(
    database_url: str, gateway: Gateway, gateway_clock: SystemClock, tmp_path: Path
) -> None:
    """Bars behind what was summed up before are in the summaries when the run ends: this morning's, last week's."""
    repair = RepairSettings(lookback_days=2, late_night_sessions=1)
    settings = settings_for(database_url, gateway, tmp_path, repair=repair)
    days = opening.calendar(settings)
    bars = "SELECT count(*), sum(volume) FROM option_bars_5min"
    summaries = (
        "SELECT sum(bars_count), sum(hour_volume) FROM hourly_option_summary",
        "SELECT sum(bars_count), sum(day_volume) FROM daily_option_summary",
    )
    counts = []
    for order in (
        order_for(Window.MIDDAY, settings, days, gateway_clock.now()),
        order_for(Window.EOD, settings, days, gateway_clock.now()),
        backfill_order(settings, days, gateway_clock.now(), 10),
    ):
        ended = await composition.run_window(settings, order, gateway_clock)
        assert ended.error is None
        stored = await fetch(database_url, bars)
        for summary in summaries:
            assert await fetch(database_url, summary) == stored
        counts.append(stored[0][0])
        # As the server does by itself every hour.
        await compaction.refresh_aggregates(database_url, Span(gateway_clock.now() - DAY, gateway_clock.now()))
        gateway_clock.set(datetime(2026, 11, 20, 16, 46, tzinfo=NEW_YORK))
    noon, evening, whole = counts
    assert whole > evening > 2 * noon > 0


async def test_what_the_policies_cannot_reach_is_left_to_the_owner_and_said(
    engine: Engine, database_url: str, gateway: Gateway, gateway_clock: SystemClock, tmp_path: Path
) -> None:
    """A backfill further back than the policies reach, by who owns no table, says what to run, and that helps."""
    if engine.name != "community":
        pytest.skip("needs the Community edition of TimescaleDB: continuous aggregates")
    await features.create_roles(database_url)
    as_role = f"{database_url}{'&' if '?' in database_url else '?'}options={quote('-c role=collector_rw')}"
    collecting, owning = (
        settings_for(
            url,
            gateway,
            tmp_path,
            selection=SelectionSettings.model_validate(
                {"horizon_days": 4, "regimes": [{"band": 0.001, "min_strikes": 1}]}
            ),
        )
        for url in (as_role, database_url)
    )
    days = opening.calendar(collecting)
    said = []
    for back in (5, 60):
        with structlog.testing.capture_logs() as logged:
            ended = await composition.run_window(
                collecting, backfill_order(collecting, days, gateway_clock.now(), back), gateway_clock
            )
        assert ended.error is None
        said.append([line["hint"] for line in logged if line["event"] == "summaries_left_behind"])
    assert said == [[], ["run `collector db compact` as the user who ran `collector db upgrade`"]]

    # As after the policies' first runs: they reach to now, and saw nothing older than 45 days.
    now = gateway_clock.now()
    await compaction.refresh_aggregates(database_url, Span(now - 45 * DAY, now))
    summed = "SELECT sum(bars_count), sum(hour_volume) FROM hourly_option_summary"
    stored = await fetch(database_url, "SELECT count(*), sum(volume) FROM option_bars_5min")
    assert await fetch(database_url, summed) != stored
    with pytest.raises(DatabaseError, match="only the owner"):
        await maintenance.compact(collecting, gateway_clock)
    await maintenance.compact(owning, gateway_clock)
    assert await fetch(database_url, summed) == stored
