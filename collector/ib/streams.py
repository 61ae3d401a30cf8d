"""Streams of market data, one figure each.

Streams of market data: each is opened for one figure, awaited until its deadline, and always cancelled.

IB has no request for open interest: it comes as a tick of a stream that asks for generic tick 101, a moment after the
first prices, once. Nor has it one for dividends: generic tick 456 brings tick 59, a text of four parts [D]: the sums of
the past and of the next twelve months, the next date and its amount, as "0.83,0.92,20130219,0.23". The date is the
ex-date [D: Microsoft's of 2018-05-16, in a public report]. Parts may be empty [?], which means that none is known; for
some shares it comes only from the exchange itself, not from SMART [D].
Lines are few and shared with whatever else the user has open, so none is held longer than needed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from collector.domain.market_data.answers import Failure, NextDividend, OpenInterest, Outcome
from collector.domain.market_data.instruments import Instrument, OptionContract, Right, Underlying
from collector.ib.bar_translation import MalformedBars, exact
from collector.ib.connection.gateway import Gateway
from collector.ib.connection.wire_client import End, Kind, Pending, Wire
from collector.ib.contracts import contract_of

_TICK_SIZE, _TICK_STRING = 2, 46
_TICK_FIELDS = 5
"""Message type, its version, request id, tick, value."""

_OPEN_INTEREST = {Right.CALL: "27", Right.PUT: "28"}
"""The tick that bears a contract's open interest; a stream brings that of the other right, too, as 0."""
_DIVIDENDS = "59"
_DIVIDEND_PARTS = 4


@dataclass(frozen=True, slots=True)
class _Figure:
    """What a stream is opened for: the generic tick that is asked for, the tick that bears it, and how it is read.

    read: returns the figure, or None where the text is none and is waited past.
    """

    generic: str
    tick: str
    read: Callable[[str], Any]


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
        self._figures: dict[int, _Figure] = {}
        self._cancels: set[asyncio.Task[None]] = set()

    async def open_interest(self, contract: OptionContract, deadline_s: float) -> OpenInterest | Failure:
        """Return how many of a contract are open, or why that was not told within so many seconds.

        A line is waited for without limit: those in use are freed at their deadlines.

        Raises:
            asyncio.CancelledError: the caller was cancelled; the stream has been cancelled at IB, too.
        """
        figure = _Figure("101", _OPEN_INTEREST[contract.right], _contracts)
        told = await self._told(contract, figure, deadline_s)
        return told if isinstance(told, Failure) else OpenInterest(*told)

    async def next_dividend(self, underlying: Underlying, deadline_s: float) -> NextDividend | Failure:
        """Return the next dividend of an underlying, or why that was not told within so many seconds.

        Where SMART is silent its own exchange is asked, for as long again. Otherwise as `open_interest`.

        Raises:
            asyncio.CancelledError: as there.
        """
        figure = _Figure("456", _DIVIDENDS, _next_dividend)
        told = await self._told(underlying, figure, deadline_s)
        if isinstance(told, Failure) and told.outcome is Outcome.TIME_OUT and underlying.primary_exchange:
            direct = replace(underlying, exchange=underlying.primary_exchange)
            told = await self._told(direct, figure, deadline_s)
        if isinstance(told, Failure):
            return told
        (ex, amount), told_at, notices = told
        return NextDividend(ex, amount, told_at, notices)

    async def _told(
        self, instrument: Instrument, figure: _Figure, deadline_s: float
    ) -> tuple[Any, datetime, tuple[int, ...]] | Failure:
        """Return a figure of an instrument, when it was told and the notices that came with it, or why it was not."""
        async with self._lines:
            await self._leave()
            return await self._ask(instrument, figure, deadline_s)

    async def _leave(self) -> None:
        """Wait until a message may be sent, and no pause after a pacing error is on."""
        pacer, clock = self._gateway.pacer, self._gateway.clock
        while paused_s := pacer.state.paused_s:
            await clock.sleep(min(paused_s, pacer.settings.pause_s))
        await pacer.message()

    async def _ask(
        self, instrument: Instrument, figure: _Figure, deadline_s: float
    ) -> tuple[Any, datetime, tuple[int, ...]] | Failure:
        gateway = self._gateway
        wire, health, began = gateway.wire, gateway.health, gateway.clock.monotonic()
        if wire is None or not wire.connected:
            return Failure(Outcome.DISCONNECTED, "not connected")
        self._listen(wire)
        # It waits and ends as definitions do: it is reference data, and needs no historical farm.
        pending = wire.begin(Kind.DEFINITION)
        self._figures[pending.req_id] = figure
        try:
            wire.client.reqMktData(pending.req_id, contract_of(instrument), figure.generic, False, False, [])
            async with asyncio.timeout(deadline_s):
                end = await pending.ended
        except TimeoutError:
            market_down = health.down["market"] or gateway.health is not health
            end = End(Outcome.FARM_DOWN if market_down else Outcome.TIME_OUT, f"not told within {deadline_s:g} s")
        except ConnectionError as exc:
            end = End(Outcome.DISCONNECTED, str(exc))
        finally:
            del self._figures[pending.req_id]
            wire.forget(pending)
            await self._cancel(wire, pending.req_id)
        if end.outcome is None:
            return pending.rows[-1], gateway.now(), tuple(pending.notices)
        latency_s = gateway.clock.monotonic() - began
        outcome = Outcome.UNKNOWN if end.outcome in (Outcome.BARS, Outcome.NO_DATA) else end.outcome
        return Failure(outcome, end.message, end.code, latency_s)

    def _listen(self, wire: Wire) -> None:
        """Have ticks of sizes and of texts read here; once for each new wire."""
        if wire is not self._wire:
            self._wire = wire
            for message in (_TICK_SIZE, _TICK_STRING):
                wire.client.decoder.handlers[message] = lambda fields: self._tick(wire, fields)

    def _tick(self, wire: Wire, fields: Sequence[str]) -> None:
        """Take a tick: the awaited one ends its request."""
        if len(fields) < _TICK_FIELDS:
            return
        _, _, req_id, tick, value = fields[:_TICK_FIELDS]
        pending = wire.pending.get(int(req_id)) if req_id.isdecimal() else None
        figure = None if pending is None else self._figures.get(pending.req_id)
        if pending is not None and figure is not None and figure.tick == tick:
            _take(pending, figure.read(value))

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


def _take(pending: Pending, told: object) -> None:
    """End a request with what was told; what is nothing is waited past."""
    if told is not None:
        pending.rows.append(told)
        pending.end(End(None))


def _contracts(value: str) -> int | None:
    """Return a number of contracts; None for what is no number of anything."""
    try:
        number = exact(value)
    except MalformedBars:
        return None
    return None if number is None or number < 0 else int(number)


def _next_dividend(value: str) -> tuple[date | None, Decimal | None] | None:
    """Return the ex-date and the amount of the next dividend, both None where none is known; None for what is no text.

    A date without an amount, or an amount of 0, is no dividend that could be reckoned with.
    """
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != _DIVIDEND_PARTS:
        return None
    if not parts[2] or not parts[3]:
        return None, None
    try:
        ex, amount = datetime.strptime(parts[2], "%Y%m%d").date(), exact(parts[3])  # noqa: DTZ007 - a date has no zone
    except (ValueError, MalformedBars):
        return None
    return (None, None) if amount is None or amount <= 0 else (ex, amount)
