"""One client of the simulated gateway: handshake, reading, answering, cancelling."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from collector.simulator import texts
from collector.simulator.replies import Refusal, Reply
from collector.simulator.request_log import MAX_MESSAGES_PER_S, Kind, RateMeter, Request, Violation
from collector.simulator.requests import REQUESTS
from collector.simulator.scenarios.base import Cut, Late, Mute, Reaction, Silence
from collector.simulator.wire_format import Fields, Inbox, WireError, frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.simulator.server import Gateway

MIN_VERSION = 166
"""The oldest protocol version whose messages are written correctly."""

_START_API = 71
_AFTER_CANCEL_S = 0.05


class Connection(asyncio.Protocol):
    """The protocol of one client's socket.

    Attributes:
        ready: whether the client has introduced itself (startApi) and is served.
        client_id: the id under which it did.
        version: negotiated protocol version.
        market_data_type: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ready = False
        self.client_id = -1
        self.version = 0
        self.market_data_type = 1
        self.open: dict[int, Request] = {}
        self._greeted = False
        self._muted = False
        self._strikes = 0
        self._struck_at = float("-inf")
        self._inbox = Inbox()
        self._rate = RateMeter()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._late: dict[int, asyncio.Event] = {}
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._streamed: dict[int, Request] = {}

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register with the gateway."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server hands over
        self._transport = transport
        self.gateway.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """End everything that was open."""
        self.gateway.connections.discard(self)
        self.ready = False
        now = self.gateway.clock.now()
        for entry in self.open.values():
            self.gateway.log.close(entry, "disconnected", now)
        self.open.clear()
        for task in (*self._tasks.values(), *self._streams.values()):
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read whole messages and act on each."""
        if self._is_deaf():
            return
        arrived = self.gateway.clock.monotonic()
        self._inbox.feed(data)
        try:
            if not self._greeted:
                self._greeted = self._inbox.take_hello()
            if self._greeted:
                for body in self._inbox.messages():
                    self._read(body, arrived)
                    if self._is_deaf():
                        return
        except WireError:
            self.cut()

    def send(self, written: bytes) -> None:
        """Write bytes, unless the connection is muted or closing."""
        if not self._is_deaf():
            self._transport.write(written)

    def _is_deaf(self) -> bool:
        """Whether nothing is read or written any more."""
        return self._muted or self._transport.is_closing()

    def error(self, req_id: int, code: int, text: str) -> None:
        """Send an error or a notice; req_id -1 belongs to no request."""
        self.send(frame(4, 2, req_id, code, text, ""))

    def cut(self, *, abort: bool = False) -> None:
        """Drop the connection, orderly or with a reset."""
        if abort:
            self._transport.abort()
        else:
            self._transport.close()

    def mute(self) -> None:
        """Neither read nor write any more."""
        self._muted = True

    # Messages.

    def _read(self, body: str, arrived: float) -> None:
        if not self.version:
            self._negotiate(body)
            return
        fields = Fields.of(body)
        kind = fields.integer()
        log = self.gateway.log
        log.messages += 1
        received = int(self._rate.add(arrived) / (1.0 + self.gateway.lag.lately(arrived)))
        log.max_rate = max(log.max_rate, received)
        if self._apply(self.gateway.reaction(lambda scenario: scenario.message(log.messages))):
            return
        if received > MAX_MESSAGES_PER_S and self._too_fast(received, arrived):
            return
        if kind == _START_API:
            self._introduce(fields)
        elif self.ready:
            request = REQUESTS.get(kind)
            if request is None:
                self.error(-1, 321, texts.NOT_OFFERED)
                return
            try:
                request(self, fields)
            except WireError as unreadable:
                self.error(-1, 320, texts.UNREADABLE.format(why=unreadable))

    def _negotiate(self, body: str) -> None:
        offered = re.match(r"v(\d+)(?:\.\.(\d+))?", body)
        if offered is None:
            raise WireError(f"no version in {body!r}")
        highest = int(offered[2] or offered[1])
        version = min(highest, self.gateway.max_server_version)
        if version < max(MIN_VERSION, int(offered[1])):
            raise WireError(f"no common version in {body!r}")
        self.version = version
        now = self.gateway.clock.now()
        self.send(frame(version, f"{now:%Y%m%d %H:%M:%S} UTC"))

    def _introduce(self, fields: Fields) -> None:
        fields.skip(1)
        client_id = fields.integer()
        reaction = self.gateway.reaction(lambda scenario: scenario.greeting(client_id))
        if self._apply(reaction):
            return
        refusal = reaction if isinstance(reaction, Refusal) else None
        if self.gateway.taken(client_id):
            refusal = Refusal(326, texts.CLIENT_ID_IN_USE)
        if refusal is not None:
            self.error(-1, refusal.code, refusal.text)
            self.cut()
            return
        self.client_id = client_id
        self.ready = True
        self.gateway.log.connections += 1
        self.send(frame(9, 1, 1) + frame(15, 1, self.gateway.account))
        for farm, up in self.gateway.farms.items():
            self.error(-1, *(texts.FARM_OK if up else texts.FARM_BROKEN)[farm])

    def _too_fast(self, received: int, arrived: float) -> bool:
        """Record a message above the rate; True when it is refused. One strike a second."""
        gateway = self.gateway
        gateway.log.violations.append(Violation(gateway.clock.now(), "rate", received))
        if not gateway.reject_rate:
            return False
        if arrived - self._struck_at >= 1.0:
            self._struck_at = arrived
            self._strikes += 1
        self.error(-1, 100, texts.too_fast(received, self._strikes))
        if gateway.three_strikes and self._strikes >= 3:  # noqa: PLR2004 - IB's own number
            self.cut()
        return True

    def _apply(self, reaction: Reaction | None) -> bool:
        """Do what a reaction means for the whole connection; False when it means nothing to it."""
        if isinstance(reaction, Cut):
            self.cut(abort=reaction.abort)
            return True
        if isinstance(reaction, Mute):
            self.mute()
            return True
        return isinstance(reaction, Silence)

    # Requests that are logged, answered and cancelled one by one.

    def submit(self, entry: Request, answer: Callable[[], Reply | Refusal]) -> None:
        """Log a request and answer it: at once after everything already received, or as the scenarios say."""
        gateway = self.gateway
        if entry.req_id in self.open:
            duplicate = texts.DUPLICATE_HISTORY if entry.kind is Kind.HISTORICAL else texts.DUPLICATE_TICKER
            self.error(entry.req_id, 322 if entry.kind is Kind.HISTORICAL else 102, duplicate)
            return
        admitted = gateway.log.open(entry)
        self.open[entry.req_id] = entry
        if not admitted:
            self._end(entry, Refusal(322, texts.MAX_OPEN))
            return
        reaction = gateway.reaction(lambda scenario: scenario.arrival(entry))
        if isinstance(reaction, Silence) or self._apply(reaction):
            return
        loop = asyncio.get_running_loop()
        if reaction is None and not gateway.slow:
            loop.call_soon(self._answer, entry, answer)
            return
        if isinstance(reaction, Late):
            self._late[entry.req_id] = asyncio.Event()
        task = loop.create_task(self._attend(entry, answer, reaction))
        self._tasks[entry.number] = task
        task.add_done_callback(lambda ended: self._ended(self._tasks, entry.number, ended))

    def _ended(self, tasks: dict[int, asyncio.Task[None]], key: int, task: asyncio.Task[None]) -> None:
        """Forget a task that has ended; what went wrong in it is raised by the gateway's stop()."""
        if tasks.get(key) is task:
            del tasks[key]
        if not task.cancelled() and isinstance(failure := task.exception(), Exception):
            self.gateway.failures.append(failure)

    async def _attend(self, entry: Request, answer: Callable[[], Reply | Refusal], reaction: Reaction | None) -> None:
        for scenario in self.gateway.slow:
            await scenario.serve(entry)
        if isinstance(reaction, Refusal):
            self._end(entry, reaction)
            return
        if isinstance(reaction, Late):
            await self._await_cancel(entry, reaction)
        self._answer(entry, answer)

    async def _await_cancel(self, entry: Request, reaction: Late) -> None:
        """Wait until the client has given up, or for as long as the reaction says."""
        clock = self.gateway.clock
        cancelled = asyncio.get_running_loop().create_task(self._late[entry.req_id].wait())
        timeout = asyncio.get_running_loop().create_task(clock.sleep(reaction.after_s))
        try:
            await asyncio.wait({cancelled, timeout}, return_when=asyncio.FIRST_COMPLETED)
            if cancelled.done():
                await clock.sleep(_AFTER_CANCEL_S)
        finally:
            cancelled.cancel()
            timeout.cancel()
            self._late.pop(entry.req_id, None)

    def _answer(self, entry: Request, answer: Callable[[], Reply | Refusal]) -> None:
        if not entry.is_open and entry.outcome != "cancelled late":
            return
        reaction = self.gateway.reaction(lambda scenario: scenario.departure(entry))
        if isinstance(reaction, Refusal):
            self._end(entry, reaction)
            return
        if self._apply(reaction):
            return
        try:
            reply = answer()
        except Exception as failure:  # noqa: BLE001 - one request must not end the gateway; stop() raises it
            self.gateway.failures.append(failure)
            reply = Refusal(320, texts.UNREADABLE.format(why=repr(failure)))
        self._end(entry, reply)

    def _end(self, entry: Request, reply: Reply | Refusal) -> None:
        if isinstance(reply, Refusal):
            self.error(entry.req_id, reply.code, reply.text)
            outcome = f"error {reply.code}"
        else:
            self.send(reply.written)
            outcome = reply.outcome
            entry.bars = reply.bars
        self.open.pop(entry.req_id, None)
        self.gateway.log.close(entry, outcome, self.gateway.clock.now())

    def cancel(self, req_id: int) -> bool:
        """Free a request's slot; False when none of that id is open. A late answer still comes afterwards."""
        entry = self.open.pop(req_id, None)
        if entry is None:
            return False
        now = self.gateway.clock.now()
        entry.cancelled_at = now
        self.gateway.log.close(entry, "cancelled", now)
        late = self._late.get(req_id)
        if late is not None:
            entry.outcome = "cancelled late"
            late.set()
        elif task := self._tasks.get(entry.number):
            task.cancel()
        return True

    # Streams.

    def stream(self, entry: Request, task: asyncio.Task[None]) -> None:
        """Keep a market-data stream until it is cancelled."""
        req_id = entry.req_id
        self._streams[req_id] = task
        self._streamed[req_id] = entry
        task.add_done_callback(lambda ended: self._ended(self._streams, req_id, ended))

    def streams(self) -> int:
        """Return how many market-data streams run."""
        return len(self._streams)

    def end_stream(self, req_id: int) -> bool:
        """End one stream; False when there is none of that id."""
        task = self._streams.pop(req_id, None)
        if task is None:
            return False
        self._streamed.pop(req_id).cancelled_at = self.gateway.clock.now()
        return task.cancel()

    def forget_streams(self) -> None:
        """End every stream without telling the client, as IB does when it lost the subscriptions."""
        for task in tuple(self._streams.values()):
            task.cancel()
