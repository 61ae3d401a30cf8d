"""The real command, killed and interrupted at random moments: `kill -9`, SIGINT, SIGTERM.

COLLECTOR_KILLS sets how often it is killed on PostgreSQL without TimescaleDB, COLLECTOR_TIMESCALE_KILLS on each of its
editions.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg
import pytest

from collector.clock import SystemClock
from collector.clock.virtual_time import VirtualClock, VirtualTimeLoop
from collector.simulator.launch import start
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios import Scenario
from collector.simulator.scenarios.base import Reaction, Silence
from collector.simulator.server import Gateway
from tests.support import disturbances, engines, tables
from tests.support.arena import MARKET, Arena, CuttingProxy, Reference, Variant
from tests.support.command_line import COMMAND, NARROW, Done, Home
from tests.support.fixtures_simulator import AFTER_THE_CLOSE

KILLS = int(os.environ.get("COLLECTOR_KILLS", "20"))
_KILLS_A_TEST = 4
_TIMESCALE_KILLS = int(os.environ.get("COLLECTOR_TIMESCALE_KILLS", max(3, KILLS // 10)))
_SEED = 7
_NARROW = Variant(("PLTR",), 4, 5)
"""What NARROW says, for the undisturbed run in this process."""
_LONGEST_S = 60
_LAST_START = 60


@dataclass
class Stage:
    """A gateway in this process, watching proxies before it and the database, and the command between them."""

    arena: Arena
    folder: Path
    scenarios: Sequence[Scenario] = ()

    async def __aenter__(self) -> Self:
        self.clock = SystemClock(AFTER_THE_CLOSE)
        self._stack = AsyncExitStack()
        self.gateway: Gateway = await start(seed=_SEED, clock=self.clock, scenarios=self.scenarios, market=MARKET)
        self._stack.push_async_callback(self.gateway.stop)
        self.before_gateway = await self._stack.enter_async_context(
            CuttingProxy((self.gateway.host, self.gateway.port))
        )
        self.before_database = await self._stack.enter_async_context(CuttingProxy(self.arena.target))
        (self.folder / "config.yaml").write_text(NARROW)
        url = self.arena.through(self.before_database)
        self._home = Home(self.folder, self.clock, self.before_gateway.port, {"COLLECTOR_DATABASE__URL": url})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def command(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start `collector run --window eod`; at the end of the block it is dead, and the server has noticed."""
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "run", "--window", "eod"),
            cwd=self.folder,
            env=self._home.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            self.before_gateway.forget()
            self.before_database.forget()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await self.arena.alone(self.clock)

    @staticmethod
    async def ended(process: asyncio.subprocess.Process) -> Done:
        """Wait until a command ends."""
        async with asyncio.timeout(_LONGEST_S):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    async def statuses(self) -> list[str]:
        """Return how the runs stand, in order."""
        async with self.arena.directly(self.clock) as connection:
            return [row[0] for row in await connection.fetch("SELECT status FROM intraday_collection_runs ORDER BY id")]

    async def dump(self) -> tables.Dump:
        """Return what counts in the tables."""
        async with self.arena.directly(self.clock) as connection:
            return await tables.dump(connection)

    async def completes(self, reference: Reference) -> None:
        """Assert that one more run succeeds, and that the tables are then those of an undisturbed run."""
        async with self.command() as process:
            done = await self.ended(process)
        assert done.code == 0, (done, await self.statuses())
        await self.check(reference)

    async def check(self, reference: Reference) -> None:
        """Assert that tables and log are those of an undisturbed run."""
        await disturbances.check_tables(self.arena, self.clock, reference)
        assert self.gateway.log.violations == []
        assert self.gateway.log.max_open <= disturbances.OPEN_CEILING


def _reference(arena: Arena) -> Reference:
    """Return what one undisturbed attempt leaves, and leave the database empty."""

    async def main() -> Reference:
        reference = await arena.reference(_SEED, _NARROW)
        await arena.empty(VirtualClock(AFTER_THE_CLOSE))
        return reference.unconfirmed

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())


async def _kill(arena: Arena, folder: Path, reference: Reference, dice: random.Random, kills: int) -> None:
    """Kill the command so many times; whenever it succeeds in between, look at the tables and begin anew."""
    traffic, killed = reference.traffic, 0
    async with Stage(arena, folder) as stage:
        for _ in range(_LAST_START):
            aims_at_database = dice.random() < 0.7
            proxy = stage.before_database if aims_at_database else stage.before_gateway
            total = (
                traffic.database_up + traffic.database_down
                if aims_at_database
                else traffic.gateway_up + traffic.gateway_down
            )
            async with stage.command() as process:
                if killed < kills:
                    proxy.tell_after(int(dice.random() * total), process.kill)
                done = await stage.ended(process)
            if done.code == -signal.SIGKILL:
                killed += 1
                continue
            assert done.code == 0, (done, await stage.statuses())
            statuses = await stage.statuses()
            assert set(statuses[:-1]) <= {"interrupted"}
            assert statuses[-1] == "success"
            await stage.check(reference)
            if killed == kills:
                return
            await arena.empty(stage.clock)
    raise AssertionError(f"{_LAST_START} starts were not enough for {kills} kills")


def _groups(kills: int) -> list[tuple[int, int]]:
    """Return (number, kills) of each test that shares so many."""
    return [(start // _KILLS_A_TEST, min(_KILLS_A_TEST, kills - start)) for start in range(0, kills, _KILLS_A_TEST)]


@pytest.mark.parametrize(("group", "kills"), _groups(KILLS))
def test_killed_at_any_moment_it_ends_with_the_same_tables(
    arena: Arena, tmp_path: Path, group: int, kills: int
) -> None:
    """`kill -9` at random bytes between the command and its servers; started again, it loses and invents nothing."""
    reference = _reference(arena)
    asyncio.run(_kill(arena, tmp_path, reference, random.Random(f"kills {group}"), kills))


@pytest.mark.parametrize(("group", "kills"), _groups(_TIMESCALE_KILLS))
@pytest.mark.parametrize("engine", ["apache", "community"], indirect=True)
def test_killed_on_timescale(
    arenas: Callable[[engines.Engine], Arena], engine: engines.Engine, tmp_path: Path, group: int, kills: int
) -> None:
    """The same on each edition of TimescaleDB."""
    reference = _reference(arenas(engine))
    asyncio.run(_kill(arenas(engine), tmp_path, reference, random.Random(f"{engine.name} {group}"), kills))


class Unanswered(Scenario):
    """Historical requests for options stay open until `answers` is set; `open` tells when so many are."""

    def __init__(self, number: int) -> None:
        self._number, self._seen = number, 0
        self.answers = False
        self.open = asyncio.Event()

    def arrival(self, entry: Request) -> Reaction | None:
        """Stay silent."""
        if self.answers or entry.kind is not Kind.HISTORICAL or self.stage.market.option(entry.con_id) is None:
            return None
        self._seen += 1
        if self._seen >= self._number:
            self.open.set()
        return Silence()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_what_is_open_and_closes_the_run(arena: Arena, tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 130, requests cancelled at the gateway, the run on record as interrupted; the next run completes."""
    reference = _reference(arena)

    async def main() -> None:
        silent = Unanswered(3)
        async with Stage(arena, tmp_path, [silent]) as stage:
            async with stage.command() as process:
                async with asyncio.timeout(_LONGEST_S):
                    await silent.open.wait()
                process.send_signal(number)
                done = await stage.ended(process)
            assert done.code == 130, done
            assert "Traceback" not in done.err
            unanswered = [entry for entry in stage.gateway.log.historical if stage.gateway.market.option(entry.con_id)]
            assert len(unanswered) >= 3
            assert {entry.outcome for entry in unanswered} == {"cancelled"}
            assert await stage.statuses() == ["interrupted"]
            silent.answers = True
            await stage.completes(reference)

    asyncio.run(main())


def test_a_signal_lets_the_transaction_in_hand_finish(arena: Arena, tmp_path: Path) -> None:
    """What is being committed when the signal comes is there afterwards, with its coverage."""
    reference = _reference(arena)

    async def main() -> None:
        async with Stage(arena, tmp_path) as stage, arena.directly(stage.clock) as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("LOCK TABLE store.option_bars_5min IN SHARE MODE")  # it may be read, not written
            async with stage.command() as process:
                await _somebody_waits(connection)
                process.send_signal(signal.SIGTERM)
                await connection.execute("SELECT pg_sleep(0.3)")
                assert process.returncode is None
                await transaction.rollback()
                done = await stage.ended(process)
            assert done.code == 130, done
            found = await stage.dump()
            assert disturbances.check_whole(found, reference.tables) > 0
            assert await stage.statuses() == ["interrupted"]
            await stage.completes(reference)

    asyncio.run(main())


async def _somebody_waits(connection: asyncpg.Connection) -> None:
    """Wait until another session waits for a lock."""
    for _ in range(3000):
        if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        await connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits for the lock")
