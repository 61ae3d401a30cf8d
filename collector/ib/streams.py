"""Streams of market data, one figure each.

Streams of market data: each is opened for one figure, awaited until its deadline, and always cancelled.

IB has no request for open interest: it comes as a tick of a stream that asks for generic tick 101, a moment after the
first prices, once. Lines are few and shared with whatever else the user has open, so none is held longer than needed.
"""

import asyncio
from collections.abc import Sequence

from collector.domain.market_data.answers import Failure, OpenInterest, Outcome
from collector.domain.market_data.instruments import OptionContract, Right
from collector.ib.bar_translation import MalformedBars, exact
from collector.ib.connection.gateway import Gateway
from collector.ib.connection.wire_client import End, Kind, Pending, Wire
from collector.ib.contracts import contract_of

GENERIC_TICKS = "101"
_TICK_SIZE = 2
_TICK_SIZE_FIELDS = 5
"""Message type, its version, request id, tick, size."""

_TICKS = {Right.CALL: "27", Right.PUT: "28"}
"""The tick that bears a contract's open interest; a stream brings that of the other right, too, as 0."""


class Streams:
    """The market-data streams of one gateway.

    Args:
        gateway: the connection.
        lines: streams open at once, at most.
    """

    def __init__(self, gateway: Gateway, lines: int) -> None:
        self._gateway = gateway
        self._lines = asyncio.Semaphore(lines)
        self._wire: Wire | None = None
        self._ticks: dict[int, str] = {}
        self._cancels: set[asyncio.Task[None]] = set()

    async def open_interest(self, contract: OptionContract, deadline_s: float) -> OpenInterest | Failure:
        """Return how many of a contract are open, or why that was not told within so many seconds.

        A line is waited for without limit: those in use are freed at their deadlines.

        Raises:
            asyncio.CancelledError: the caller was cancelled; the stream has been cancelled at IB, too.
        """
        async with self._lines:
            await self._leave()
            return await self._ask(contract, deadline_s)

    async def _leave(self) -> None:
        """Wait until a message may be sent, and no pause after a pacing error is on."""
        pacer, clock = self._gateway.pacer, self._gateway.clock
        while paused_s := pacer.state.paused_s:
            await clock.sleep(min(paused_s, pacer.settings.pause_s))
        await pacer.message()

    async def _ask(self, contract: OptionContract, deadline_s: float) -> OpenInterest | Failure:
        gateway = self._gateway
        wire, health, began = gateway.wire, gateway.health, gateway.clock.monotonic()
        if wire is None or not wire.connected:
            return Failure(Outcome.DISCONNECTED, "not connected")
        self._listen(wire)
        # It waits and ends as definitions do: it is reference data, and needs no historical farm.
        pending = wire.begin(Kind.DEFINITION)
        self._ticks[pending.req_id] = _TICKS[contract.right]
        try:
            wire.client.reqMktData(pending.req_id, contract_of(contract), GENERIC_TICKS, False, False, [])
            async with asyncio.timeout(deadline_s):
                end = await pending.ended
        except TimeoutError:
            market_down = health.down["market"] or gateway.health is not health
            end = End(Outcome.FARM_DOWN if market_down else Outcome.TIME_OUT, f"not told within {deadline_s:g} s")
        except ConnectionError as exc:
            end = End(Outcome.DISCONNECTED, str(exc))
        finally:
            del self._ticks[pending.req_id]
            wire.forget(pending)
            await self._cancel(wire, pending.req_id)
        if end.outcome is None:
            return OpenInterest(pending.rows[-1], gateway.now(), tuple(pending.notices))
        latency_s = gateway.clock.monotonic() - began
        outcome = Outcome.UNKNOWN if end.outcome in (Outcome.BARS, Outcome.NO_DATA) else end.outcome
        return Failure(outcome, end.message, end.code, latency_s)

    def _listen(self, wire: Wire) -> None:
        """Have sizes decoded here; once for each new wire."""
        if wire is not self._wire:
            self._wire = wire
            wire.client.decoder.handlers[_TICK_SIZE] = lambda fields: self._size(wire, fields)

    def _size(self, wire: Wire, fields: Sequence[str]) -> None:
        """Take a tick of a size: the awaited one ends its request."""
        if len(fields) < _TICK_SIZE_FIELDS:
            return
        _, _, req_id, tick, size = fields[:_TICK_SIZE_FIELDS]
        pending = wire.pending.get(int(req_id)) if req_id.isdecimal() else None
        if pending is not None and self._ticks.get(pending.req_id) == tick:
            _told(pending, size)

    async def _cancel(self, wire: Wire, req_id: int) -> None:
        """Free the line at IB, whatever became of the stream; goes on even if the caller is cancelled."""
        if not wire.connected:
            return
        task = asyncio.get_running_loop().create_task(self._send_cancel(wire, req_id))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)
        await asyncio.shield(task)

    async def _send_cancel(self, wire: Wire, req_id: int) -> None:
        await self._gateway.pacer.message()
        if wire.connected:
            wire.client.cancelMktData(req_id)


def _told(pending: Pending, size: str) -> None:
    """End a request with the number of contracts; what is no number of anything is waited past."""
    try:
        number = exact(size)
    except MalformedBars:
        return
    if number is not None and number >= 0:
        pending.rows.append(int(number))
        pending.end(End(None))
