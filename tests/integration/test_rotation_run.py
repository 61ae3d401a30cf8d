"""Six sessions with rotation and without: fewer requests, the same tables, and no gap that is none."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from collector.clock.virtual_time import VirtualClock
from collector.config import RotationSettings, SelectionSettings, Settings
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import greeks_pass
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import Order, fill_order, order_for
from collector.simulator.request_log import Request
from collector.simulator.server import Gateway
from tests.support import tables
from tests.support.arena import Arena
from tests.support.truth import option_truth, selected, span_of, stored_options
from tests.support.window_runs import narrow, parts_for

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

NEW_YORK = ZoneInfo("America/New_York")
SESSIONS = tuple(date(2026, 11, d) for d in (12, 13, 16, 17, 18, 19))
EVERY = 3
NEAR_DAYS = 9
LEAVING, LEAVES = date(2026, 11, 27), date(2026, 11, 18)
"""This expiration is soon from this session on: nine days before it."""
CONFIRMED = timedelta(minutes=31)
"""So long after an evening's first attempt comes the one that confirms what it found empty."""
_STATISTICS = """
SELECT collection_date, total_contracts, successful_contracts, data_completeness_percent, expected_slots, unknown_slots
FROM collection_statistics ORDER BY collection_date
"""
_CHOSEN = """
SELECT ib_con_id, expiration_date, strike_price
FROM option_chains JOIN option_contract_lifecycle AS life ON life.contract_id = option_chains.id
WHERE life.selected @> $1::date
"""
_PRICES = """
SELECT DISTINCT ON ((time AT TIME ZONE 'America/New_York')::date) (time AT TIME ZONE 'America/New_York')::date, close
FROM underlying_bars_5min ORDER BY 1, time DESC
"""


def settings(*, rotated: bool) -> Settings:
    """Return a month of PLTR's contracts; all but those at the money or in their last nine days are far."""
    selection = SelectionSettings.model_validate(
        {
            "horizon_days": 32,
            "regimes": [{"band": 0.001, "min_strikes": 3}],
            "near_band": 0.002,
            "near_days": NEAR_DAYS,
        }
    )
    rotation = RotationSettings(enabled=rotated, every_sessions=EVERY)
    return narrow("PLTR", selection=selection, rotation=rotation)


@dataclass
class Week:
    """What six evenings left behind: requests by session, those of confirming attempts aside, runs, tables."""

    requests: dict[date, list[Request]] = field(default_factory=dict)
    asked: int = 0
    evenings: list[Finished] = field(default_factory=list)
    filled: Finished | None = None
    gaps: list[int] = field(default_factory=list)
    statistics: list[tuple[Any, ...]] = field(default_factory=list)
    first_statistics: tuple[Any, ...] = ()
    expirations: dict[int, tuple[date, float]] = field(default_factory=dict)
    prices: dict[date, float] = field(default_factory=dict)
    left: tables.Dump = field(default_factory=dict)


async def lived(arena: Arena, *, rotated: bool) -> Week:
    """Collect six evenings, each confirmed half an hour later, then whatever is left, on an empty database."""
    own, week = settings(rotated=rotated), Week()
    clock = VirtualClock(evening(SESSIONS[0]))
    await arena.empty(clock)
    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(greeks_pass, "compute", arena.compute))  # both weeks end with the same bars
        gateway = await stack.enter_async_context(Gateway(arena.market(7, clock), clock, ()))
        for day in SESSIONS:
            clock.set(evening(day))
            before = len(gateway.log.historical)
            finished = await run(arena, gateway, own, clock)
            week.requests[day] = list(gateway.log.historical[before:])
            week.evenings.append(finished)
            clock.set(clock.now() + CONFIRMED)
            await run(arena, gateway, own, clock)
            async with arena.directly(clock) as connection:
                week.gaps.append(await connection.fetchval("SELECT count(*) FROM historical_data_gaps"))
                if day == SESSIONS[0]:
                    week.first_statistics = tuple(await connection.fetchrow(_STATISTICS))
        before = len(gateway.log.historical)
        week.filled = await run(arena, gateway, own, clock, fill=True)
        week.requests[SESSIONS[-1]] += gateway.log.historical[before:]
        clock.set(clock.now() + CONFIRMED)
        await run(arena, gateway, own, clock, fill=True)
        week.asked = len(gateway.log.historical)
        assert gateway.log.violations == []
        with clock.hold():
            await check_truth(arena.url, gateway)
        async with arena.directly(clock) as connection:
            week.statistics = [tuple(row) for row in await connection.fetch(_STATISTICS)]
            week.expirations = {row[0]: (row[1], float(row[2])) for row in await connection.fetch(_CHOSEN, SESSIONS[0])}
            week.prices = {row[0]: float(row[1]) for row in await connection.fetch(_PRICES)}
            week.left = await tables.dump(connection)
    return week


async def run(arena: Arena, gateway: Gateway, own: Settings, clock: VirtualClock, *, fill: bool = False) -> Finished:
    """Run eod, or fill what is left of the last sessions."""
    async with parts_for(arena.url, gateway, own, clock) as parts:
        now = clock.now()
        order: Order = (
            fill_order(own, parts.calendar, now, SESSIONS[0])
            if fill
            else order_for(Window.EOD, own, parts.calendar, now)
        )
        return await window_run.run(order, parts)


async def check_truth(url: str, gateway: Gateway) -> None:
    """Compare what was selected from the first session on with the truth of all sessions up to its expiration."""
    stored = await stored_options(url)
    for con_id in await selected(url, SESSIONS[0]):
        assert stored[con_id] == option_truth(gateway.market, con_id, span_of(SESSIONS)), con_id


def evening(day: date) -> datetime:
    """Return when eod is due."""
    return datetime.combine(day, time(16, 45), NEW_YORK)


def always_far(week: Week) -> set[int]:
    """Return first-day contracts that neither expire within nine days of any session nor ever lie near the money."""
    return {
        con_id
        for con_id, (expiration, strike) in week.expirations.items()
        if (expiration - SESSIONS[-1]).days > NEAR_DAYS
        and all(abs(strike - price) > 0.0021 * price for price in week.prices.values())
    }


def requests_of(week: Week, con_id: int) -> Mapping[date, list[Request]]:
    """Return a contract's requests by session, without the sessions on which there were none."""
    found = {day: [one for one in requests if one.con_id == con_id] for day, requests in week.requests.items()}
    return {day: requests for day, requests in found.items() if requests}


def test_rotation_collects_the_same_with_fewer_requests(arena: Arena, virtual_run: Run) -> None:
    """Six evenings with and without: as few requests as promised, equal tables, nothing called missing that rests."""

    async def main() -> None:
        plain, rotated = await lived(arena, rotated=False), await lived(arena, rotated=True)
        assert {run.status for week in (plain, rotated) for run in week.evenings} == {RunStatus.SUCCESS}
        tables.tables_equal(rotated.left, plain.left)
        assert rotated.asked < 0.75 * plain.asked
        assert plain.gaps == rotated.gaps == [0] * len(SESSIONS)
        check_turns(rotated)
        check_leaving(rotated)
        check_expectations(rotated, plain)

    virtual_run(main)


def check_turns(week: Week) -> None:
    """Check that far contracts are asked for every third session, by one request a series."""
    far = always_far(week)
    assert len(far) >= 10
    first_turns = set()
    for con_id in far:
        asked = requests_of(week, con_id)
        turns = [SESSIONS.index(day) for day in asked if day != SESSIONS[-1]]  # which holds the run that fills the rest
        first_turns.add(turns[0])
        assert turns in ([0, 3], [1, 4], [2])
        for day, requests in asked.items():
            assert sorted({request.what_to_show for request in requests}) == ["ASK", "BID", "TRADES"]
            if day != SESSIONS[-1]:
                assert len(requests) == 3, (con_id, day)
    assert len(first_turns) >= 2


def check_leaving(week: Week) -> None:
    """Check that contracts whose expiration has come near are asked for at once, with all they lack, then daily."""
    leaving = [con_id for con_id, (expiration, _) in week.expirations.items() if expiration == LEAVING]
    assert leaving
    for con_id in leaving:
        asked = requests_of(week, con_id)
        assert {LEAVES, SESSIONS[-1]} <= set(asked)
        assert len(asked[LEAVES]) == 3
    spans = [request.span for con_id in leaving for request in requests_of(week, con_id)[LEAVES] if request.span]
    assert max(end - start for start, end in spans) > timedelta(days=1)


def check_expectations(rotated: Week, plain: Week) -> None:
    """Check that the first evening is complete without the resting, and counts all of them when they have come."""
    first = rotated.evenings[0].prepared[0]
    assert first.resting > 0
    _, total, successful, complete, _, unknown = rotated.first_statistics
    assert (total, successful, complete, unknown) == (len(first.contracts), total, 100, 0)
    assert rotated.statistics[0] == plain.statistics[0]
    assert rotated.statistics[0][1] == total + first.resting
    assert [row[0] for row in rotated.statistics] == list(SESSIONS)
    assert all(row[3] == 100 for row in rotated.statistics)


pytestmark = pytest.mark.usefixtures("quiet_faults")
