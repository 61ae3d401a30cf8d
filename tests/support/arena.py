"""Where windows are disturbed: a database that is emptied between runs, a gateway, and a fault proxy before each.

A kill cuts both proxies at once and drops the run's tasks, so that nothing which the process might still want to write
or say gets out: what `kill -9` does to it.
"""

import asyncio
import contextlib
import gc
import pickle
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import asyncpg

from collector.clock import Clock
from collector.clock.virtual_time import VirtualClock
from collector.config import Settings
from collector.domain.errors import CollectorError
from collector.domain.pricing.chain import compute
from collector.domain.run_vocabulary import RunStatus, Window
from collector.ib.pacing import PacingSettings
from collector.jobs import greeks_pass
from collector.runs import window_run
from collector.runs.finished import Finished
from collector.runs.orders import order_for
from collector.simulator.market import Market
from collector.simulator.scenarios import Scenario
from collector.simulator.server import Gateway
from collector.simulator.settings import market_settings
from tests.support import tables
from tests.support.fault_proxy import Address, FaultProxy
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, QUICK, narrow, parts_for


class Variant(NamedTuple):
    """What a mix collects. sizes: of the underlyings' bars; those of a day are collected after the rest."""

    symbols: tuple[str, ...]
    horizon_days: int
    strikes: int
    sizes: tuple[str, ...] = ("5 mins",)

    def settings(self) -> Settings:
        """Return it as a configuration."""
        return narrow(*self.symbols, horizon_days=self.horizon_days, strikes=self.strikes, underlying_bars=self.sizes)

    @property
    def is_daily(self) -> bool:
        """Tell whether it collects bars of a day."""
        return "1 day" in self.sizes


MARKET = "calibrated"
MARKET_SEEDS = (7, 11)
"""Of the markets that an arena keeps."""


class CurrentClock:
    """A clock that stands for another, which changes from mix to mix: markets are costly to make and keep theirs."""

    def __init__(self) -> None:
        self.clock: Clock | None = None

    def _own(self) -> Clock:
        assert self.clock is not None
        return self.clock

    def now(self) -> datetime:
        """Return the other clock's instant."""
        return self._own().now()

    def monotonic(self) -> float:
        """Return the other clock's seconds."""
        return self._own().monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the other clock."""
        await self._own().sleep(seconds)

    def hold(self) -> AbstractContextManager[None]:
        """Hold the other clock."""
        return self._own().hold()


class CuttingProxy(FaultProxy):
    """A fault proxy that can be severed in one step, and that tells when bytes have passed or connections dropped."""

    on_drop: Callable[[], None] | None = None
    _due: int | None = None
    _tell: Callable[[], None]

    def tell_after(self, more: int, tell: Callable[[], None]) -> None:
        """Call `tell` once, as soon as so many more bytes have passed in either direction; harms nothing."""
        self._due, self._tell = self.sent_up + self.sent_down + more, tell

    def forget(self) -> None:
        """Tell nothing any more."""
        self._due = None

    def _count(self, size: int, *, is_up: bool) -> None:
        super()._count(size, is_up=is_up)
        if self._due is not None and self.sent_up + self.sent_down >= self._due:
            self._due = None
            self._tell()

    def drop(self, *, abort: bool = True) -> None:
        """Drop every connection now, and say so."""
        super().drop(abort=abort)
        if self.on_drop is not None:
            self.on_drop()

    def sever(self) -> None:
        """Drop every connection and refuse new ones, without giving anybody a turn in between."""
        if self._server is not None:
            self._server.close()
            self._server = None
        super().drop()


class CopyCutter(CuttingProxy):
    """Cuts the connection so many bytes into the data of the first COPY of option bars."""

    into: int | None = None

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        await super()._pass(_Listening(reader, self) if is_up else reader, writer, is_up=is_up)  # type: ignore[arg-type]  # it reads

    def heard(self, chunk: bytes) -> None:
        """Arm the cut when a chunk begins the COPY."""
        if self.into is not None and b'COPY "stage_option_bars"' in chunk:
            self.drop_after(up=len(chunk) + self.into)
            self.into = None


class _Listening:
    """A reader whose chunks are heard before they are passed on."""

    def __init__(self, reader: asyncio.StreamReader, cutter: CopyCutter) -> None:
        self._reader, self._cutter = reader, cutter

    async def read(self, size: int) -> bytes:
        """Read, and let it be heard."""
        chunk = await self._reader.read(size)
        self._cutter.heard(chunk)
        return chunk


class GreeksOnce:
    """Computes Greeks as the collector does, but equal inputs once: hundreds of mixes end with the same bars."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def __call__(self, *inputs: object) -> object:
        """Return what `greeks.compute` returns, each time a copy of its own."""
        key = pickle.dumps(inputs)
        if key not in self._known:
            self._known[key] = pickle.dumps(compute(*inputs))  # type: ignore[arg-type]  # passed on as they come
        return pickle.loads(self._known[key])  # noqa: S301 - pickled two lines above


class Traffic(NamedTuple):
    """Bytes of an undisturbed run by proxy and direction; kills are aimed into them."""

    database_up: int
    database_down: int
    gateway_up: int
    gateway_down: int


@dataclass(frozen=True, slots=True)
class Reference:
    """What the first attempt of an undisturbed run leaves, what is left once it is confirmed, and its traffic.

    daily: the traffic of the window of daily bars, where the variant has one.
    """

    first: tables.Dump
    tables: tables.Dump
    traffic: Traffic
    daily: Traffic | None = None

    @property
    def unconfirmed(self) -> "Reference":
        """Return the same with what the first attempt leaves, where something waits for a second witness."""
        return replace(self, tables=self.first)


@dataclass(slots=True)
class Course:
    """How a mix went: runs by how they ended (a status, or an error's name), and kills."""

    endings: list[str] = field(default_factory=list)
    kills: int = 0

    def __str__(self) -> str:
        return f"{self.kills} kills; runs ended {' → '.join(self.endings)}"


class Arena:
    """One database of one engine, emptied between mixes; the references of its mixes are made once."""

    def __init__(self, url: str, references: "dict[tuple[int, Variant], Reference] | None" = None) -> None:
        self.url = url
        self.target, self._user, self.name = _target(url)
        self.references = {} if references is None else references
        self._clock = CurrentClock()
        self._markets = {seed: Market(seed, self._clock, market_settings(MARKET)) for seed in MARKET_SEEDS}
        self.compute = GreeksOnce()

    def market(self, seed: int, clock: Clock) -> Market:
        """Return the market of a seed on a clock; the one that was given before stands still."""
        self._clock.clock = clock
        return self._markets[seed]

    def through(self, proxy: FaultProxy) -> str:
        """Return the database's URL by way of a proxy."""
        return f"postgresql://{self._user}@127.0.0.1:{proxy.port}/{self.name}?sslmode=disable"

    async def empty(self, clock: Clock) -> None:
        """Remove every row, but for what the schema came with."""
        async with self.directly(clock) as connection:
            names = await connection.fetchval(
                "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
                " WHERE schemaname IN ('public', 'store')"
                " AND tablename <> ALL('{alembic_version, codes, data_sets, operator_actions}')"
            )
            await connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")

    @contextlib.asynccontextmanager
    async def directly(self, clock: Clock) -> AsyncIterator[asyncpg.Connection]:
        """Connect past the proxy, with time held."""
        with clock.hold():
            connection = await asyncpg.connect(self.url)
            try:
                yield connection
            finally:
                await connection.close()

    async def alone(self, clock: Clock) -> None:
        """Wait until the server has noticed that every cut session is gone, and released its locks."""
        async with self.directly(clock) as connection:
            for _ in range(2000):
                others = await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND application_name LIKE 'collector%'"
                )
                if not others:
                    return
                await connection.execute("SELECT pg_sleep(0.005)")
        raise AssertionError("sessions of a killed run stay on the server")

    async def reference(self, market_seed: int, variant: Variant) -> Reference:
        """Return what an undisturbed run leaves; it equals the simulator's truth."""
        key = (market_seed, variant)
        if key not in self.references:
            async with asyncio.timeout(3600):
                self.references[key] = await self._undisturbed(market_seed, variant)
        return self.references[key]

    async def _undisturbed(self, market_seed: int, variant: Variant) -> Reference:
        clock = VirtualClock(AFTER_THE_CLOSE)
        await self.empty(clock)
        async with Disturbed(self, clock, market_seed, variant, ()) as undisturbed:
            first = await undisturbed.attempt()
            traffic = undisturbed.traffic()
            async with self.directly(clock) as connection:
                unconfirmed = await tables.dump(connection)
            await clock.sleep(31 * 60)
            for finished in (first, await undisturbed.attempt()):
                assert isinstance(finished, Finished), finished
                assert finished.status is RunStatus.SUCCESS, finished
            assert isinstance(finished, Finished)
            assert not finished.weighed.awaiting
            before, daily = undisturbed.traffic(), None
            if variant.is_daily:
                ended = await undisturbed.attempt(Window.DAILY_BARS)
                assert isinstance(ended, Finished)
                assert ended.status is RunStatus.SUCCESS, ended
                daily = Traffic(*(now - then for now, then in zip(undisturbed.traffic(), before, strict=True)))
        with clock.hold():
            compared = await compare(self.url, self.market(market_seed, clock), [FRIDAY], variant.symbols)
        assert compared["contracts"] >= 6
        async with self.directly(clock) as connection:
            return Reference(unconfirmed, await tables.dump(connection), traffic, daily)


def _target(url: str) -> tuple[Address, str, str]:
    """Return where a server listens, the user and the database's name."""
    parts, options = urlsplit(url), parse_qs(urlsplit(url).query)
    user, name = parts.username or "postgres", parts.path.lstrip("/")
    if "host" in options:
        return Path(options["host"][0]) / f".s.PGSQL.{options.get('port', ['5432'])[0]}", user, name
    return (parts.hostname or "127.0.0.1", parts.port or 5432), user, name


class Disturbed:
    """A gateway, two proxies and whoever runs a window through them; an async context manager."""

    def __init__(
        self,
        arena: Arena,
        clock: VirtualClock,
        market_seed: int,
        variant: Variant,
        scenarios: Sequence[Scenario],
        pacing: PacingSettings = QUICK,
    ) -> None:
        self.arena, self.clock, self.variant, self._pacing = arena, clock, variant, pacing
        self.gateway = Gateway(arena.market(market_seed, clock), clock, scenarios)
        self.database_proxy = CuttingProxy(arena.target, clock=clock)
        self.course = Course()
        self._stack = AsyncExitStack()
        self._run: asyncio.Task[Finished] | None = None
        self._killed = False

    async def __aenter__(self) -> Self:
        self._stack.enter_context(patch.object(greeks_pass, "compute", self.arena.compute))
        await self._stack.enter_async_context(self.gateway)
        self.gateway_proxy = CuttingProxy((self.gateway.host, self.gateway.port), clock=self.clock)
        await self._stack.enter_async_context(self.gateway_proxy)
        await self._stack.enter_async_context(self.database_proxy)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gateway_proxy.on_drop = self.database_proxy.on_drop = None
        if self.course.kills:  # the sockets that a killed process leaves open go with it: let these go here
            self._run = None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
        await self._stack.aclose()

    def traffic(self) -> Traffic:
        """Return what has passed so far."""
        database, gateway = self.database_proxy, self.gateway_proxy
        return Traffic(database.sent_up, database.sent_down, gateway.sent_up, gateway.sent_down)

    async def attempt(self, window: Window = Window.EOD, *, force: bool = False) -> Finished | CollectorError | None:
        """Run a window once: what it returned or raised, None when it was killed."""
        await self.gateway_proxy.accept()
        await self.database_proxy.accept()
        self._killed = False
        self._run = asyncio.ensure_future(self._window(window, force=force))
        await asyncio.wait({self._run})
        error = None if self._run.cancelled() else self._run.exception()
        if self._killed:  # what the process had to say in its last moment, nobody heard
            self.course.kills += 1
            self.course.endings.append("killed")
            await self.arena.alone(self.clock)
            return None
        if error is None:
            self.course.endings.append(_described(self._run.result()))
            return self._run.result()
        self.course.endings.append(f"{type(error).__name__}: {error}")
        if not isinstance(error, CollectorError):
            raise error
        return error

    async def _window(self, window: Window, *, force: bool) -> Finished:
        url, settings = self.arena.through(self.database_proxy), self.variant.settings()
        async with parts_for(url, self.gateway_proxy, settings, self.clock, self._pacing) as parts:
            order = order_for(window, settings, parts.calendar, self.clock.now(), force=force)
            return await window_run.run(order, parts)

    def kill(self) -> None:
        """Cut everything and drop the run's tasks."""
        if self._run is None or self._run.done() or self._killed:
            return
        self._killed = True
        self.gateway_proxy.sever()
        self.database_proxy.sever()
        self._run.cancel()


def _described(finished: Finished) -> str:
    reasons = [str(finished.error)] if finished.error else []
    reasons += [f"{left.symbol} left out: {left.failure.message}" for left in finished.not_prepared]
    reasons += [f"given up: {letter.failure.outcome} {letter.failure.message}" for letter in finished.given_up[:2]]
    return f"{finished.status} ({'; '.join(reasons)})" if reasons else str(finished.status)
