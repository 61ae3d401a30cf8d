"""Server of the simulated gateway.

The simulated IB Gateway: its port, its clients, its state towards IB.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from collector.clock import Clock, SystemClock
from collector.simulator import texts
from collector.simulator.connection import Connection
from collector.simulator.exchange.listings import Definition
from collector.simulator.market import Market
from collector.simulator.request_log import LagMeter, Request, RequestLog
from collector.simulator.scenarios.base import HistoryReply, Reaction, Scenario
from collector.simulator.small_bars import SmallBarRules

_CLOSING_TURNS = 50
"""Turns of the loop that transports get to flush and close."""


_BEAT_S = 0.02
"""How often the gateway looks whether it was held up, in seconds."""
_TIMER_S = 0.005
"""Seconds by which a timer may be late without anything being held up."""


class Gateway:
    """A TCP server that behaves as an IB Gateway in front of a simulated market.

    Args:
        market: what is traded and what happened to it.
        clock: the time of the gateway; latencies sleep on it.
        scenarios: how it misbehaves; each object serves one gateway.
        host: address to listen on; loopback only.
        port: 0 picks a free one.
        account: the account that clients are told.
        reject_rate: whether messages above 50 a second are refused with error 100; else they are only recorded.
        three_strikes: whether the third error 100 ends the connection.
        max_server_version: highest protocol version offered, at most 178.
        stream_interval_s: how often streams send what has changed.
        open_interest_delay_s: how long after the first ticks of a stream its open interest comes.
        told_clock: what reqCurrentTime answers, where the gateway's machine has another time than the market; the
            gateway's time by default.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        scenarios: Sequence[Scenario] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        account: str = "DU1234567",
        reject_rate: bool = True,
        three_strikes: bool = False,
        max_server_version: int = 178,
        stream_interval_s: float = 5.0,
        open_interest_delay_s: float = 1.0,
        told_clock: Clock | None = None,
    ) -> None:
        self.market = market
        self.clock = clock
        self.told_clock = told_clock or clock
        self.scenarios = tuple(scenarios)
        self.host = host
        self.port = port
        self.account = account
        self.reject_rate = reject_rate
        self.three_strikes = three_strikes
        self.max_server_version = max_server_version
        self.stream_interval_s = stream_interval_s
        self.open_interest_delay_s = open_interest_delay_s
        self.log = RequestLog()
        self.small_bars = SmallBarRules()
        self.lag = LagMeter()
        self.failures: list[Exception] = []
        self.farms = {"market": True, "historical": True, "definition": True}
        self.connections: set[Connection] = set()
        self.edits = any(type(scenario).edit is not Scenario.edit for scenario in self.scenarios)
        self.slow = tuple(scenario for scenario in self.scenarios if scenario.slows)
        self._server: asyncio.Server | None = None
        self._timelines: set[asyncio.Task[None]] = set()
        self._entries = 0

    async def start(self) -> tuple[str, int]:
        """Open the port and return (host, port)."""
        for scenario in self.scenarios:
            scenario.bind(self)
        if isinstance(self.clock, SystemClock):  # simulated time is never late
            self.spawn(self._watch_lag())
        await self.reopen()
        return self.host, self.port

    async def stop(self) -> None:
        """Close the port and every connection, and end the scenarios' timelines.

        Raises:
            ExceptionGroup: what went wrong inside the gateway while it answered.
        """
        for task in self._timelines:
            task.cancel()
        await asyncio.gather(*self._timelines, return_exceptions=True)
        await self.shut()
        if self.failures:
            raise ExceptionGroup("the simulated gateway failed", self.failures)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # What scenarios may do (scenarios.base.Stage).

    def notify(self, code: int, text: str) -> None:
        """Send a notice (id -1) to every client that has introduced itself."""
        for connection in self.connections:
            if connection.ready:
                connection.error(-1, code, text)

    def farm(self, name: str, *, up: bool) -> None:
        """Break or mend a farm and tell every client."""
        self.farms[name] = up
        self.notify(*(texts.FARM_OK if up else texts.FARM_BROKEN)[name])

    def link(self, *, up: bool, kept: bool = True) -> None:
        """Lose the line to IB, or restore it; with `kept` false the clients' subscriptions are gone."""
        if not up:
            self.notify(*texts.LINK_LOST)
            return
        if not kept:
            for connection in self.connections:
                connection.forget_streams()
        self.notify(*(texts.LINK_RESTORED_KEPT if kept else texts.LINK_RESTORED_LOST))

    def cut(self, *, abort: bool = False) -> None:
        """Drop every connection."""
        for connection in tuple(self.connections):
            connection.cut(abort=abort)

    def mute(self) -> None:
        """Leave every present connection open and silent."""
        for connection in self.connections:
            connection.mute()

    async def shut(self) -> None:
        """Drop every connection and close the port: further attempts are refused."""
        self.cut()
        if self._server is not None:
            self._server.close()
            self._server = None
        for _ in range(_CLOSING_TURNS):
            if not self.connections:
                break
            await asyncio.sleep(0)
        else:
            self.cut(abort=True)  # a client that does not read would keep its connection for ever
            await asyncio.sleep(0)

    async def reopen(self) -> None:
        """Open the port; after `shut`, the same one."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self.host, self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    def spawn(self, timeline: Coroutine[Any, Any, None]) -> None:
        """Run a scenario's timeline beside the gateway."""
        task = asyncio.get_running_loop().create_task(timeline)
        self._timelines.add(task)
        task.add_done_callback(self._timeline_ended)

    def _timeline_ended(self, task: asyncio.Task[None]) -> None:
        self._timelines.discard(task)
        if not task.cancelled() and isinstance(failure := task.exception(), Exception):
            self.failures.append(failure)

    async def _watch_lag(self) -> None:
        while True:
            self.lag.expect(self.clock.monotonic() + _BEAT_S + _TIMER_S)
            await self.clock.sleep(_BEAT_S)
            self.lag.beat(self.clock.monotonic())

    # What connections ask.

    def next_number(self) -> int:
        """Return the number of the next logged request, from 1."""
        self._entries += 1
        return self._entries

    def reaction(self, hook: Callable[[Scenario], Reaction | None]) -> Reaction | None:
        """Return what the first scenario that reacts wants."""
        for scenario in self.scenarios:
            reaction = hook(scenario)
            if reaction is not None:
                return reaction
        return None

    def lines(self) -> int:
        """Return how many market-data streams run, of all clients: they share the account's lines."""
        return sum(connection.streams() for connection in self.connections)

    def notices(self, entry: Request) -> list[tuple[int, str]]:
        """Return the notices (code, text) that the scenarios send on a stream's id before its first ticks."""
        return [notice for scenario in self.scenarios for notice in scenario.notices(entry)]

    def define(self, entry: Request, found: tuple[Definition, ...]) -> tuple[Definition, ...]:
        """Let the scenarios change which contracts are told in answer to a question for definitions."""
        for scenario in self.scenarios:
            found = scenario.define(entry, found)
        return found

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Let the scenarios change a historical answer."""
        for scenario in self.scenarios:
            scenario.edit(entry, reply)

    def garble(self, entry: Request, written: bytes) -> bytes:
        """Let the scenarios change the bytes of a historical answer."""
        for scenario in self.scenarios:
            written = scenario.garble(entry, written)
        return written

    def taken(self, client_id: int) -> bool:
        """Whether a live connection already uses the client id."""
        return any(connection.ready and connection.client_id == client_id for connection in self.connections)
