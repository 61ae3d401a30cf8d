"""Faults of the database in mid-run: waited for within bounds, then a clean stop; never anything half-written."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import asyncpg
import pytest
from pydantic import SecretStr

from collector.app import composition, opening
from collector.cli.exits import Exit, of_error
from collector.clock.virtual_time import VirtualClock
from collector.config import DatabaseSettings, GatewaySettings, LogSettings
from collector.db.connection import pool
from collector.db.schema import features, migrate
from collector.db.server.local_server import LocalServer
from collector.domain.errors import CollectorError, DatabaseUnavailable
from collector.domain.reports.run_report import Cause
from collector.domain.run_vocabulary import RunStatus, Stage, Window
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from tests.support import disturbances, engines, tables
from tests.support.arena import Arena, CopyCutter, Disturbed, Reference, Variant
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.server_folders import server_folder

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

pytestmark = pytest.mark.usefixtures("quiet_faults")

PLTR = Variant(("PLTR",), 4, 5)
_SEED = 7


@pytest.fixture(scope="module")
def folders() -> Iterator[ExitStack]:
    """Give what stops servers and removes folders when the module ends."""
    with ExitStack() as stack:
        yield stack


_SERVERS: dict[Path, LocalServer] = {}


@pytest.fixture
def server(plain_engine: engines.Engine, folders: ExitStack) -> LocalServer:
    """Give a running server that may be stopped; it is made once."""
    if plain_engine.bindir is None:
        pytest.skip("needs plain PostgreSQL on this machine: the test stops its server")
    made = _SERVERS.get(plain_engine.bindir)
    if made is None:
        folder = server_folder(f"collector-tests-{os.getpid()}-")
        folders.callback(shutil.rmtree, folder, ignore_errors=True)
        made = _SERVERS[plain_engine.bindir] = LocalServer(
            plain_engine.bindir,
            folder / "own",
            {**engines.settings("plain"), "synchronous_commit": "on"},  # what is committed survives a crash
        )
        folders.callback(made.stop, "immediate")
        made.start()
        engines.run(engines._execute(made.url("postgres"), ("CREATE DATABASE migrated",)))
        engines.run(migrate.upgrade(made.url("migrated")))
        engines.run(features.apply(made.url("migrated")))
    made.start()
    return made


@pytest.fixture
def own(server: LocalServer, arena: Arena) -> Arena:
    """Give an empty database on the server that may be stopped."""
    _renew(server, "run")
    return Arena(server.url("run"), arena.references)


def _renew(server: LocalServer, name: str, more: str = "") -> None:
    statements = (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE migrated {more}")
    engines.run(engines._execute(server.url("postgres"), statements))


class Fault:
    """One run of a window on an arena, in virtual time, and what the database has to suffer on the way."""

    def __init__(self, arena: Arena, reference: Reference) -> None:
        self.arena, self.reference = arena, reference
        self.clock = VirtualClock(AFTER_THE_CLOSE)
        self.disturbed = Disturbed(arena, self.clock, _SEED, PLTR, ())
        self._blows = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.disturbed.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._struck()
        await self.disturbed.__aexit__()

    def after(self, share: float, act: Callable[[], object]) -> None:
        """Do something that blocks, in a thread with time held, once so much of a run's traffic has passed."""

        async def strike() -> None:
            with self.clock.hold():
                await asyncio.to_thread(act)

        def due() -> None:
            self._tasks.append(asyncio.ensure_future(strike()))

        traffic = self.reference.traffic
        self._blows += 1
        proxy = self.disturbed.database_proxy
        proxy.tell_after(int(share * (traffic.database_up + traffic.database_down)), due)

    async def _struck(self) -> None:
        """Wait until what has to happen to the database has happened: near its end a run may be done before it."""
        assert len(self._tasks) == self._blows
        await asyncio.gather(*self._tasks)

    async def _attempt(self) -> Finished | CollectorError | None:
        ended = await self.disturbed.attempt()
        await self._struck()
        return ended

    async def succeeds(self) -> Finished:
        """Run, and assert that it succeeds in spite of everything, with the tables of an undisturbed run."""
        finished = await self._attempt()
        assert isinstance(finished, Finished), finished
        assert finished.status is RunStatus.SUCCESS, finished.error
        reference = self.reference.unconfirmed if finished.weighed.awaiting else self.reference
        await disturbances.check_tables(self.arena, self.clock, reference)
        return finished

    async def stops(self) -> float:
        """Run, and assert that it stops with the error of exit code 5; return the virtual seconds that it took."""
        began = self.clock.monotonic()
        finished = await self._attempt()
        error = finished.error if isinstance(finished, Finished) else finished
        assert isinstance(error, DatabaseUnavailable), error
        assert isinstance(error, CollectorError)
        assert of_error(error) is Exit.DATABASE
        assert error.hint
        return self.clock.monotonic() - began

    async def whole(self) -> int:
        """Assert that nothing is half-written; return how many contracts are stored."""
        async with self.arena.directly(self.clock) as connection:
            return disturbances.check_whole(await tables.dump(connection), self.reference.tables)

    async def statuses(self) -> list[str]:
        """Return how the runs stand, in order."""
        async with self.arena.directly(self.clock) as connection:
            return [row[0] for row in await connection.fetch("SELECT status FROM intraday_collection_runs ORDER BY id")]

    def sql(self, *statements: str) -> None:
        """Run statements in the maintenance database of the server."""
        head, _, tail = self.arena.url.partition("?")
        maintenance = head.rsplit("/", 1)[0] + "/postgres" + (f"?{tail}" if tail else "")
        engines.run(engines._execute(maintenance, statements))


async def fault(arena: Arena) -> Fault:
    """Make the reference, and return a fault to be."""
    return Fault(arena, await arena.reference(_SEED, PLTR))


@pytest.mark.parametrize("into", [1, 100, 5_000, 20_000])
def test_a_connection_cut_in_the_middle_of_a_copy(arena: Arena, virtual_run: Run, into: int) -> None:
    """The batch is stored by the next attempt, whole and once."""

    async def main() -> None:
        async with await fault(arena) as one:
            await arena.empty(one.clock)
            cutter = CopyCutter(arena.target, clock=one.clock)
            cutter.into = into
            one.disturbed.database_proxy = cutter
            async with cutter:
                await one.succeeds()
                assert cutter.into is None

    virtual_run(main)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
def test_a_server_restart_is_waited_for(
    own: Arena, server: LocalServer, arena: Arena, virtual_run: Run, mode: str, share: float
) -> None:
    """A server that shuts down, or crashes, and comes back costs the run a pause, wherever it was."""

    def restart() -> None:
        server.stop(mode)
        server.start()

    async def main() -> None:
        await arena.reference(_SEED, PLTR)
        async with await fault(own) as one:
            one.after(share, restart)
            await one.succeeds()

    virtual_run(main)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_a_server_that_stays_away_stops_the_run(
    own: Arena, server: LocalServer, arena: Arena, virtual_run: Run, share: float
) -> None:
    """After a few minutes at most the run ends with exit code 5; the next one closes its row and completes."""

    async def main() -> None:
        await arena.reference(_SEED, PLTR)
        async with await fault(own) as one:
            one.after(share, lambda: server.stop("immediate"))
            assert await one.stops() < 300
            server.start()
            await one.whole()
            await one.succeeds()
            assert await one.statuses() == ["interrupted", "success"]

    virtual_run(main)


def test_a_run_whose_database_is_gone_tells_what_it_did(
    own: Arena, server: LocalServer, arena: Arena, virtual_run: Run, tmp_path: Path
) -> None:
    """Its report has the run's number, its requests and where it stopped; it is no run that never began."""

    async def main() -> None:
        await arena.reference(_SEED, PLTR)
        async with await fault(own) as one:
            proxies = one.disturbed
            settings = PLTR.settings().model_copy(
                update={
                    "database": DatabaseSettings(url=SecretStr(own.through(proxies.database_proxy))),
                    "gateway": GatewaySettings(port=proxies.gateway_proxy.port),
                    "log": LogSettings(directory=tmp_path),
                }
            )
            one.after(0.7, lambda: server.stop("immediate"))
            order = order_for(Window.EOD, settings, opening.calendar(settings), one.clock.now())
            ended = await composition.run_window(settings, order, one.clock)
        assert isinstance(ended.error, DatabaseUnavailable), ended.error
        report = ended.report
        assert (report.run_id, report.status) == (1, RunStatus.PARTIAL)
        assert report.failure is not None
        assert (report.failure.stage, report.failure.cause) == (Stage.STORE, Cause.DATABASE_DOWN)
        assert report.requests == len(one.disturbed.gateway.log.historical) > 0

    virtual_run(main)


def test_a_lock_that_is_released_in_time(arena: Arena, virtual_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that another program holds for a while costs a pause."""
    monkeypatch.setattr(pool, "LOCK_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with await fault(arena) as one:
            await arena.empty(one.clock)
            other = await _locking(one)
            release = asyncio.ensure_future(_later(one.clock, 5.0, other.close))
            await one.succeeds()
            await release

    virtual_run(main)


async def _locking(one: Fault) -> asyncpg.Connection:
    """Return a connection that has locked the table of bars against writing until it is closed."""
    with one.clock.hold():
        connection = await asyncpg.connect(one.arena.url)
        await connection.execute("BEGIN")
        await connection.execute("LOCK TABLE store.option_bars_5min IN SHARE MODE")
    return connection


async def _later(clock: VirtualClock, seconds: float, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await clock.sleep(seconds)
    with clock.hold():
        await act()


def test_a_lock_that_is_not_released(arena: Arena, virtual_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that stays locked stops the run, which says so in its row; the next one completes."""
    monkeypatch.setattr(pool, "LOCK_TIMEOUT_S", 0.05)

    async def main() -> None:
        async with await fault(arena) as one:
            await arena.empty(one.clock)
            other = await _locking(one)
            assert await one.stops() < 300
            with one.clock.hold():
                await other.close()
            assert await one.whole() == 0
            assert (await one.statuses())[0] in ("failed", "partial")
            await one.succeeds()

    virtual_run(main)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_a_database_that_turns_read_only(arena: Arena, virtual_run: Run, share: float) -> None:
    """After a failover to a copy that takes no writes the run stops; when writes are back, the next one completes."""

    async def main() -> None:
        async with await fault(arena) as one:
            await arena.empty(one.clock)
            name = arena.name

            def fail_over() -> None:
                one.sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

            def drop() -> None:
                fail_over()
                one.disturbed.database_proxy.drop()

            traffic = one.reference.traffic
            one.disturbed.database_proxy.tell_after(int(share * (traffic.database_up + traffic.database_down)), drop)
            try:
                assert await one.stops() < 300
            finally:
                one.sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            await one.whole()
            await one.succeeds()
            assert (await one.statuses())[0] == "interrupted"

    virtual_run(main)


@contextlib.contextmanager
def small_disk(server: LocalServer, megabytes: int) -> Iterator[Path]:
    """Mount a small disk that the server may write to; skips the test where that is not allowed."""
    folder = server_folder("collector-tests-disk-")
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)],  # noqa: S607 - the system's own
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("only root, where mounting is allowed, can make a disk that is full")
        try:
            owner = server.data_dir.stat()
            place = folder / "tables"
            place.mkdir()
            os.chown(place, owner.st_uid, owner.st_gid)
            folder.chmod(0o755)
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607
    finally:
        folder.rmdir()


def test_a_full_disk(server: LocalServer, arena: Arena, virtual_run: Run) -> None:
    """A disk that is full in mid-run stops it; after space is made, the next run completes."""
    with small_disk(server, 48) as disk:
        execute = engines._execute
        engines.run(execute(server.url("postgres"), (f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'",)))
        try:
            _renew(server, "crowded", "TABLESPACE small")
            crowded = Arena(server.url("crowded"), arena.references)

            def fill() -> None:
                with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
                    while ballast.write(b"\0" * 4096):
                        pass

            async def main() -> None:
                await arena.reference(_SEED, PLTR)
                async with await fault(crowded) as one:
                    one.after(0.3, fill)
                    assert await one.stops() < 300
                    (disk / "ballast").unlink()
                    await one.whole()
                    await one.succeeds()

            virtual_run(main)
        finally:
            engines.run(
                execute(
                    server.url("postgres"), ("DROP DATABASE IF EXISTS crowded WITH (FORCE)", "DROP TABLESPACE small")
                )
            )
