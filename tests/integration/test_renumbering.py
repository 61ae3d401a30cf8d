"""An underlying whose number IB knows no more is defined anew: same id, same history, and its owner is told."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from collector.clock.virtual_time import VirtualClock
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.domain.market_data.answers import Failure
from collector.domain.market_data.instruments import Renumbering, Underlying
from collector.domain.reports.run_report import Cause, RunReport
from collector.domain.run_vocabulary import RunStatus, Window
from collector.jobs import run_reports
from collector.notify.reports import wording
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.runs.preparing.discovery import Discovery, Refreshed
from collector.runs.preparing.renumbering import defined_anew
from collector.simulator import texts
from collector.simulator.exchange.listings import Definition, Stock
from collector.simulator.market import Market
from collector.simulator.replies import Refusal
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios import Scenario, named
from collector.simulator.server import Gateway
from tests.support.db_rows import rows as database_rows
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.window_runs import narrow, parts_for

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
PLTR, TSLA = 444857009, 76792991
GONE = 999_999_001
"""A number that the simulated gateway does not know."""
MONDAY = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
SETTINGS = narrow("PLTR", "TSLA", horizon_days=8)
RENUMBER = "UPDATE underlying_securities SET ib_con_id = $1 WHERE symbol = $2"
MOVE = "UPDATE option_chains SET ib_con_id = ib_con_id + 700000000 WHERE contract_symbol LIKE 'PLTR%'"
"""Gives the underlying's contracts numbers that the simulated gateway does not know."""
EARLIER = "SELECT instrument_id, source_id FROM earlier_source_ids ORDER BY until"
CONTRACTS = "SELECT id, ib_con_id FROM option_chains ORDER BY id"
SETTLED = (
    "SELECT count(*) FROM request_coverage, unnest(settled) AS part"
    " WHERE underlying_id = $1 AND data_set = 2 AND upper(part) > $2"
)


class Defined(Scenario):
    """A symbol is defined otherwise: what differs of its stock, or not at all."""

    name = "defined"

    def __init__(self, asked: str, terms: dict[str, object]) -> None:
        self._symbol, self._terms = asked, terms

    def arrival(self, entry: Request) -> Refusal | None:
        """Refuse a symbol without terms."""
        asked = entry.kind is Kind.CONTRACT_DETAILS and entry.symbol == self._symbol and not entry.duration
        return Refusal(200, texts.NO_DEFINITION) if asked and not self._terms else None

    def define(self, entry: Request, found: tuple[Definition, ...]) -> tuple[Definition, ...]:  # noqa: ARG002 - the hook's signature
        """Change what is told of the symbol."""
        return tuple(
            replace(one, **self._terms) if isinstance(one, Stock) and one.symbol == self._symbol else one  # type: ignore[arg-type]  # fields of Stock
            for one in found
        )


async def asked(url: str, clock: VirtualClock, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Run a statement of the test's own and return its rows."""
    with clock.hold():
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()


async def run(
    url: str,
    clock: VirtualClock,
    window: Window = Window.EOD,
    *scenarios: Scenario,
    **order: Any,  # noqa: ANN401 - the arguments of order_for
) -> tuple[Finished, RunReport]:
    """Run a window and return how it ended, with its report."""
    async with (
        Gateway(Market(7, clock), clock, [*scenarios, named("latency", median_s=0.2, seed=3)]) as gateway,
        parts_for(url, gateway, SETTINGS, clock) as parts,
    ):
        made = order_for(window, SETTINGS, parts.calendar, clock.now(), **order)
        finished = await window_run.run(made, parts)
        return finished, await run_reports.of_run(finished, parts.db, SETTINGS, parts.calendar, clock.now())


async def until(clock: VirtualClock, instant: datetime) -> None:
    """Let time pass."""
    await clock.sleep((instant - clock.now()).total_seconds())


def test_a_new_number_goes_on_in_the_same_underlying(plain_database_url: str, virtual_run: Run) -> None:
    """Monday's eod succeeds under the new number with one line about it; ids, history and contracts stay."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        assert (await run(url, clock))[0].status is RunStatus.SUCCESS
        ((pltr,),) = await asked(url, clock, "SELECT id FROM underlying_securities WHERE symbol = 'PLTR'")
        await asked(url, clock, RENUMBER, GONE, "PLTR")
        contracts = await asked(url, clock, CONTRACTS)
        # The contracts of the underlying have other numbers, too.
        await asked(url, clock, MOVE)
        await until(clock, MONDAY)

        finished, report = await run(url, clock)

        assert (finished.status, finished.given_up, finished.not_prepared) == (RunStatus.SUCCESS, [], [])
        assert finished.tally.failed == 0
        assert report.renumbered == (Renumbering("PLTR", GONE, PLTR),)
        assert wording.renumbered(report) == f"PLTR: {GONE} before, {PLTR} now; history and contracts stay"
        numbers = "SELECT id, ib_con_id, active FROM underlying_securities WHERE symbol = 'PLTR'"
        assert await asked(url, clock, numbers) == [(pltr, PLTR, True)]
        assert (-pltr, GONE) in await asked(url, clock, EARLIER)
        assert await asked(url, clock, SETTLED, pltr, MONDAY - timedelta(hours=2)) == [(2,)]
        now = dict(await asked(url, clock, CONTRACTS))
        living = "SELECT id FROM option_chains WHERE active AND underlying_id = $1 ORDER BY id"
        was = dict(contracts)
        kept = [one for (one,) in await asked(url, clock, living, pltr) if one in was]
        assert kept
        assert {one: now[one] for one in kept} == {one: was[one] for one in kept}

        again, told = await run(url, clock)
        assert (again.status, told.renumbered, wording.renumbered(told)) == (RunStatus.SUCCESS, (), "")

    virtual_run(main)


def test_a_number_that_goes_between_two_runs_of_a_day(plain_database_url: str, virtual_run: Run) -> None:
    """Although its chain is known from today, it is read anew under the new number."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await run(url, clock)
        before = await asked(url, clock, CONTRACTS)
        await asked(url, clock, RENUMBER, GONE, "PLTR")
        await asked(url, clock, MOVE)

        finished, report = await run(url, clock, force=True)

        assert (finished.status, len(report.renumbered)) == (RunStatus.SUCCESS, 1)
        assert await asked(url, clock, CONTRACTS) == before

    virtual_run(main)


def test_a_refresh_of_the_chains_finds_the_new_number(plain_database_url: str, virtual_run: Run) -> None:
    """The window that reads the chains takes the new number over, tells it, and succeeds."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await run(url, clock)
        await asked(url, clock, RENUMBER, GONE, "TSLA")

        finished, report = await run(url, clock, Window.CHAIN_REFRESH)

        assert (finished.status, finished.chains_read) == (RunStatus.SUCCESS, 2)
        assert report.renumbered == (Renumbering("TSLA", GONE, TSLA),)

    virtual_run(main)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({}, "IB knows PLTR neither by its number nor by its symbol any more"),
        ({"con_id": 5, "primary_exchange": "LSE"}, "primary exchange LSE instead of"),
        ({"con_id": TSLA}, f"IB's number of PLTR is {TSLA} now, which TSLA has here"),
        ({"symbol": "PLTX"}, "IB knows PLTR neither by its number nor by its symbol any more"),
    ],
    ids=["delisted", "another exchange", "swapped", "another symbol"],
)
def test_another_security_is_not_taken_for_it(
    plain_database_url: str, virtual_run: Run, terms: dict[str, object], words: str
) -> None:
    """What is not surely the same security is left out, with the reason and what to do; the others are complete."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await run(url, clock)
        await asked(url, clock, RENUMBER, GONE, "PLTR")
        await until(clock, MONDAY)

        finished, report = await run(url, clock, Window.EOD, Defined("PLTR", terms))

        assert finished.status is RunStatus.PARTIAL
        (left,) = finished.not_prepared
        assert left.symbol == "PLTR"
        assert words in left.failure.message
        assert report.failure is not None
        assert (report.failure.cause, report.failure.message.count(words)) == (Cause.UNKNOWN_SYMBOL, 1)
        numbers = dict(await asked(url, clock, "SELECT symbol, ib_con_id FROM underlying_securities"))
        assert numbers == {"PLTR": GONE, "TSLA": TSLA}
        (tsla,) = [one for one in report.symbols if one.symbol == "TSLA"]
        assert tsla.completeness == 1.0
        assert report.renumbered == ()

    virtual_run(main)


def test_a_number_that_is_only_slow_to_come_changes_nothing(plain_database_url: str, virtual_run: Run) -> None:
    """Where the symbol has the number that is stored, what was refused stays refused, and nothing is told."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await run(url, clock)
        await until(clock, MONDAY)

        finished, report = await run(url, clock, Window.EOD, Forgetful(PLTR))

        assert finished.status is RunStatus.PARTIAL
        assert (report.renumbered, await asked(url, clock, EARLIER)) == ((), [])

    virtual_run(main)


def test_a_refresh_by_hand_says_both_numbers(plain_database_url: str, virtual_run: Run) -> None:
    """What a refresh of one chain returns has the underlying as it is now, and its change of number once."""
    url = plain_database_url

    async def main() -> None:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await run(url, clock)
        await asked(url, clock, RENUMBER, GONE, "TSLA")
        async with (
            Gateway(Market(7, clock), clock) as gateway,
            parts_for(url, gateway, SETTINGS, clock) as parts,
        ):
            seeker = Discovery(parts.db, parts.source, SETTINGS, clock, parts.calendar)
            before = await seeker.underlying("TSLA")
            assert isinstance(before, Underlying)
            found = await seeker.refresh(before, AFTER_THE_CLOSE.date(), force=True)
            assert isinstance(found, Refreshed)
            assert (found.renumbered, found.underlying) == (
                Renumbering("TSLA", GONE, TSLA),
                await contract_tables.underlying(parts.db, "TSLA"),
            )
            other = await Discovery(parts.db, parts.source, SETTINGS, clock, parts.calendar).refresh(
                found.underlying, AFTER_THE_CLOSE.date(), force=True
            )
            assert isinstance(other, Refreshed)
            assert other.renumbered is None

    virtual_run(main)


async def test_a_number_that_comes_back(database: Database) -> None:
    """Each change is on record, the underlying is one; a primary exchange that was never known is no difference."""
    listed = Underlying("PLTR", 1, name="Palantir", primary_exchange="NASDAQ")
    adopted = await contract_tables.add_underlying(database, replace(listed, primary_exchange=""))

    async def define(_symbol: str) -> Underlying:
        return listed

    listed, first = replace(listed, source_id=2), listed
    found = await defined_anew(database, define, adopted)
    assert not isinstance(found, Failure)
    assert found == (replace(listed, id=adopted.id), Renumbering("PLTR", 1, 2))
    listed = first
    back = await defined_anew(database, define, found[0])
    assert back == (replace(first, id=adopted.id), Renumbering("PLTR", 2, 1))
    assert not isinstance(back, Failure)
    assert await defined_anew(database, define, back[0]) == (back[0], None)

    earlier = await database_rows(database, "SELECT instrument_id, source_id FROM earlier_source_ids ORDER BY until")
    assert earlier == [(adopted.key, 1), (adopted.key, 2)]


class Forgetful(Scenario):
    """Every historical request about a number is refused with 200; its definition is given."""

    name = "forgetful"

    def __init__(self, con_id: int) -> None:
        self._con_id = con_id

    def arrival(self, entry: Request) -> Refusal | None:
        """Refuse the number's history."""
        asked = entry.kind is Kind.HISTORICAL and entry.con_id == self._con_id
        return Refusal(200, texts.NO_DEFINITION) if asked else None
