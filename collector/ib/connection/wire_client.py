"""ib_async's protocol client, sorted by request id.

Ib_async's protocol client, and what comes from the socket sorted by request id.

ib_async's `IB` and its wrapper keep every result, subscription and ticker, ask for positions on connecting, and let
some errors end no request. Only its `Client` (framing, encoding, decoding) is used here, below a receiver of our own
that keeps nothing once a request has ended.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from ib_async.client import Client

from collector.domain.market_data.answers import Outcome
from collector.ib import error_codes
from collector.ib.bar_translation import FIELDS_PER_BAR

_ERROR, _NEXT_ID, _DETAILS, _ACCOUNTS, _BARS, _TIME, _DETAILS_END, _CHAIN, _CHAIN_END = 4, 9, 10, 15, 17, 49, 52, 75, 76
_HEARD = (_ERROR, _NEXT_ID, _DETAILS, _ACCOUNTS, _TIME, _DETAILS_END, _CHAIN, _CHAIN_END)
"""Message types that ib_async decodes for us; bars (17) are taken raw, the rest is not listened to."""

_HISTORY_HEADER = 5
"""Fields before the first bar: type, request id, start, end, number of bars."""

_CLOSING_S = 1.0
"""How long a closing socket may flush before it is cut."""


class Kind(StrEnum):
    """What a request asks for; each kind depends on another farm of IB's."""

    HISTORICAL = "historical"
    DEFINITION = "definition"


class End(NamedTuple):
    """How a request ended. outcome None: IB completed it; else what IB or the connection said instead.

    answered: IB itself ended it, so nothing of it is left open there.
    """

    outcome: Outcome | None
    message: str = ""
    code: int | None = None
    answered: bool = True


class Message(NamedTuple):
    """An error or notice from IB, with the meaning that the table gives it. req_id -1 belongs to no request."""

    req_id: int
    row: error_codes.Row
    text: str


@dataclass(slots=True)
class Pending:
    """A request under way.

    rows: what has come so far. notices: codes that came and did not end it. told_span: start and end as IB names them
    above historical bars.
    """

    req_id: int
    kind: Kind
    ended: asyncio.Future[End]
    rows: list[Any] = field(default_factory=list)
    notices: list[int] = field(default_factory=list)
    told_span: tuple[str, str] = ("", "")

    def end(self, end: End) -> None:
        """End the request, unless it has ended."""
        if not self.ended.done():
            self.ended.set_result(end)


class Wire:
    """One socket to a gateway, from connecting to its loss; never reused.

    Args:
        on_message: called with every error or notice, before it ends a request.
        on_lost: called once with the reason when an established connection is gone, except by `close`.
    """

    def __init__(self, on_message: Callable[[Message], None], on_lost: Callable[[str], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self.pending: dict[int, Pending] = {}
        self.heard = 0
        self._closed = False
        self._loss = ""
        self._gone: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._socket_closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._time: asyncio.Future[Any] | None = None
        self.client: Any = Client(_Receiver(self))  # type: ignore[no-untyped-call]  # ib_async is untyped
        # The pacer below is the only throttle: ib_async's own would let deadlines run while it queues.
        self.client.MaxRequests = 0
        known = self.client.decoder.handlers
        self.client.decoder.handlers = dict.fromkeys(known, _unheard) | {number: known[number] for number in _HEARD}
        self.client.decoder.handlers[_BARS] = self._bars
        self.client.apiError += self._failed
        self.client.conn.disconnected += self._down

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return not self._gone.done() and bool(self.client.isReady())

    @property
    def server_version(self) -> int:
        """The protocol version agreed with the gateway."""
        return int(self.client.serverVersion())

    async def open(self, host: str, port: int, client_id: int, timeout_s: float) -> None:
        """Connect and introduce ourselves.

        Raises:
            OSError: the port cannot be reached, or the gateway closed the connection (ConnectionError).
            TimeoutError: the gateway does not answer within `timeout_s` seconds.
        """
        connecting: asyncio.Future[Any] = asyncio.ensure_future(
            self.client.connectAsync(host, port, client_id, timeout_s)
        )
        try:
            await asyncio.wait({connecting, self._gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone, late = self._gone.done(), not connecting.done()
            connecting.cancel()
            await asyncio.wait({connecting})
        failure = None if connecting.cancelled() else connecting.exception()
        if gone:
            raise ConnectionError(self._loss) from failure
        if late:
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        if failure is not None:
            raise failure

    async def current_time(self, timeout_s: float) -> int:
        """Ask for the gateway's time: whole seconds since the epoch, rounded down.

        Raises:
            TimeoutError: no answer came within `timeout_s` seconds.
            ConnectionError: the connection is gone.
        """
        if self._time is None or self._time.done():
            self._time = asyncio.get_running_loop().create_future()
        waiting = self._time
        self.client.reqCurrentTime()
        await asyncio.wait({waiting, self._gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done():
            raise ConnectionError(self._loss)
        if not waiting.done():
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        return int(waiting.result())

    def begin(self, kind: Kind) -> Pending:
        """Return a new request, to which what comes with its id is added.

        Raises:
            ConnectionError: there is no connection.
        """
        if not self.connected:
            raise ConnectionError(self._loss or "not connected")
        pending = Pending(self.client.getReqId(), kind, asyncio.get_running_loop().create_future())
        self.pending[pending.req_id] = pending
        return pending

    def forget(self, pending: Pending) -> None:
        """Drop the request: what still comes for it is ignored."""
        self.pending.pop(pending.req_id, None)

    def end_all(self, outcome: Outcome, message: str, kind: Kind | None = None) -> None:
        """End the requests under way (of one kind) with an outcome of ours; their cancels are sent by who asked."""
        for pending in tuple(self.pending.values()):
            if kind is None or pending.kind is kind:
                pending.end(End(outcome, message, answered=False))

    async def close(self) -> None:
        """Close the socket; requests under way end as disconnected."""
        self._closed = True
        self.lose("the connection was closed")
        transport = self.client.conn.transport
        if transport is None:
            return
        with contextlib.suppress(OSError):  # the peer may have reset the socket a moment ago
            self.client.disconnect()
        await asyncio.wait({self._socket_closed}, timeout=_CLOSING_S)
        if not self._socket_closed.done():
            transport.abort()
            await asyncio.wait({self._socket_closed}, timeout=_CLOSING_S)

    def _failed(self, message: str) -> None:
        """Take ib_async's word for a failed or lost connection."""
        self._loss = self._loss or message

    def _down(self, _reason: str) -> None:
        if not self._socket_closed.done():
            self._socket_closed.set_result(None)

    def lose(self, reason: str) -> None:
        """Take it that the socket is gone: end what is under way and say so once."""
        if self._gone.done():
            return
        self._loss = self._loss or reason
        was_ready = self.client.isReady()
        self._gone.set_result(None)
        self.end_all(Outcome.DISCONNECTED, self._loss)
        if was_ready and not self._closed:
            self._on_lost(self._loss)

    def _bars(self, fields: Sequence[str]) -> None:
        """Take a historical answer raw: its bars are translated by who asked, string by string."""
        try:
            pending = self.pending.get(int(fields[1])) if len(fields) >= _HISTORY_HEADER else None
        except ValueError:
            return
        if pending is None:
            return
        pending.rows = list(fields[_HISTORY_HEADER:])
        pending.told_span = (fields[2], fields[3])
        if fields[_HISTORY_HEADER - 1] == str(len(pending.rows) // FIELDS_PER_BAR):
            pending.end(End(None))
        else:
            pending.end(End(Outcome.UNKNOWN, "malformed answer: another number of bars than announced"))

    def take_time(self, epoch_s: int) -> None:
        """Take the gateway's time."""
        if self._time is not None and not self._time.done():
            self._time.set_result(epoch_s)

    def take_message(self, req_id: int, code: int, text: str) -> None:
        """Take an error or notice: tell, then end the request that it belongs to, or note it there."""
        message = Message(req_id, error_codes.classify(code, text), text)
        self._on_message(message)
        pending = self.pending.get(req_id)
        if pending is None:
            return
        meaning = message.row.meaning
        if isinstance(meaning, Outcome):
            pending.end(End(meaning, text, code))
        elif meaning is error_codes.Notice.RATE_EXCEEDED:
            pending.end(End(Outcome.PACING, text, code))
        else:
            pending.notices.append(code)


class _Receiver:
    """What ib_async's client and decoder call; names and arguments are theirs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def tcpDataArrived(self) -> None:  # noqa: N802 - ib_async's name
        self._wire.heard += 1

    def connectAck(self) -> None:  # noqa: N802 - ib_async's name
        pass

    def connectionClosed(self) -> None:  # noqa: N802 - ib_async's name
        pass

    def setEventsDone(self) -> None:  # noqa: N802 - ib_async's name
        """Come first of all when the socket is gone, whether or not the connection was ready."""
        self._wire.lose("the gateway closed the connection")

    def error(self, req_id: int, code: int, text: str, _rejection: str) -> None:
        self._wire.take_message(req_id, code, text)

    def currentTime(self, epoch_s: int) -> None:  # noqa: N802 - ib_async's name
        self._wire.take_time(epoch_s)

    def contractDetails(self, req_id: int, details: Any) -> None:  # noqa: ANN401, N802 - ib_async is untyped
        self._add(req_id, details)

    def contractDetailsEnd(self, req_id: int) -> None:  # noqa: N802 - ib_async's name
        self._complete(req_id)

    def securityDefinitionOptionParameter(self, req_id: int, *row: Any) -> None:  # noqa: ANN401, N802 - as above
        self._add(req_id, row)

    def securityDefinitionOptionParameterEnd(self, req_id: int) -> None:  # noqa: N802 - ib_async's name
        self._complete(req_id)

    def _add(self, req_id: int, row: object) -> None:
        if pending := self._wire.pending.get(req_id):
            pending.rows.append(row)

    def _complete(self, req_id: int) -> None:
        if pending := self._wire.pending.get(req_id):
            pending.end(End(None))


def _unheard(_fields: Sequence[str]) -> None:
    """Drop a message of a type that the collector never asks for."""


def quiet_ib_async() -> None:
    """Let only its critical messages through: what matters is said once by this package, as events."""
    for name in ("ib_async", "ib_async.client", "ib_async.Decoder", "eventkit"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
