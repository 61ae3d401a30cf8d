"""One connection to an IB Gateway or TWS.

One connection to an IB Gateway or TWS: made, measured, used for requests, lost and closed.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from collector.clock import Clock
from collector.domain.errors import ClientIdInUse, GatewayUnavailable
from collector.ib.connection.line_health import Health
from collector.ib.connection.wire_client import Message, Wire, quiet_ib_async
from collector.ib.error_codes import Notice
from collector.ib.pacing import Pacer


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where the gateway is, and how long to wait for what; all times in seconds.

    client_id: fixed and not 0 (which would bind the orders of people). connect_timeout_s: for the handshake, and
    again for the time. client_id_patience_s: for which a first connection waits for a client id that is still in use
    (a dead process's connection lingers). historical_deadline_s, definition_deadline_s: from sending to giving up;
    probe_deadline_s: of the one request that shows whether a restored connection works. patience_s: how long a
    request waits for a lost connection or farm before it fails. farm_report_s: for which a new connection waits for
    IB to report its farms. silence_s: after which the gateway is asked whether it still lives; alive_timeout_s: for
    that answer. first_retry_s, longest_retry_s: back-off between attempts to reconnect. other_login_retry_s: before
    the first look whether another login is gone. farm_doubt_s: after which a farm that IB has called broken is tried
    all the same. market_data_lines: streams open at once (IB gives 100, the owner's watch-lists included).
    tick_deadline_s: from opening a stream to giving it up. foreign_farms: farms that do not matter to
    exchanges in the USA.
    """

    host: str = "127.0.0.1"
    port: int = 4001
    client_id: int = 17
    connect_timeout_s: float = 15.0
    client_id_patience_s: float = 20.0
    historical_deadline_s: float = 60.0
    definition_deadline_s: float = 120.0
    probe_deadline_s: float = 30.0
    patience_s: float = 600.0
    farm_report_s: float = 3.0
    silence_s: float = 30.0
    alive_timeout_s: float = 10.0
    first_retry_s: float = 1.0
    longest_retry_s: float = 60.0
    other_login_retry_s: float = 60.0
    farm_doubt_s: float = 120.0
    market_data_lines: int = 90
    tick_deadline_s: float = 10.0
    foreign_farms: tuple[str, ...] = ("euhmds", "hkhmds", "jhmds", "eufarm", "eufarmnj", "hfarm", "jfarm", "secdefeu")

    def __post_init__(self) -> None:
        if self.market_data_lines < 1:
            raise ValueError(f"market_data_lines is {self.market_data_lines}, at least 1 is needed")
        if self.client_id < 1:
            raise ValueError(f"client_id is {self.client_id}; it must be 1 or more, for 0 binds the orders of people")


_TRUST_S = 180.0
"""How long a measuring of the gateway's clock is trusted."""
_PARTED_S = 1.0
"""Wall and monotonic clock may part by so much: adjusting a clock smoothly takes longer than a measuring is trusted."""


class _Measuring(NamedTuple):
    """What the gateway's clock showed (whole seconds, rounded down), and what ours did when the answer came."""

    told: datetime
    wall: datetime
    monotonic: float


class Gateway:
    """The connection; after a loss `open` makes a new one.

    Args:
        settings: where and how long.
        clock: our time; IB's is measured, and goes on by its monotonic part.
        pacer: counts the messages that are no requests.

    Attributes:
        on_message: called with every error or notice, after `health` has taken it, and whether it changed that.
        on_lost: called with the reason when the connection is lost.
    """

    def __init__(self, settings: GatewaySettings, clock: Clock, pacer: Pacer) -> None:
        quiet_ib_async()
        self.settings = settings
        self.port = settings.port
        self.clock = clock
        self.pacer = pacer
        self.health = Health(settings.foreign_farms)
        self._measured: _Measuring | None = None
        self._measuring = asyncio.Lock()
        self._measure_not_before = 0.0
        self.wire: Wire | None = None
        self.refusal = ""
        self.on_message: Callable[[Message, bool], None] | None = None
        self.on_lost: Callable[[str], None] | None = None
        self._reported = asyncio.Event()
        self._cancels: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self.wire is not None and self.wire.connected

    def now(self) -> datetime:
        """Return IB's time: what the gateway told last, and what our monotonic clock has counted since.

        Nobody can set that clock. IB's time is never ahead of the gateway's, which it follows by 1 s and the way of a
        message; while this machine sleeps the monotonic clock may stand still, and the time then lags until it is
        measured again.
        """
        if self._measured is None:
            return self.clock.now()
        return self._measured.told + timedelta(seconds=self.clock.monotonic() - self._measured.monotonic)

    @property
    def offset(self) -> timedelta:
        """How far IB's time is ahead of our wall clock."""
        return self.now() - self.clock.now()

    @property
    def is_time_doubtful(self) -> bool:
        """Whether to measure again: it is long ago, or our two clocks have parted since (a step, a sleep)."""
        now, measured = self.clock.monotonic(), self._measured
        if measured is None or now < self._measure_not_before:
            return False
        elapsed_s = now - measured.monotonic
        parted_s = (self.clock.now() - measured.wall).total_seconds() - elapsed_s
        return elapsed_s >= _TRUST_S or abs(parted_s) > _PARTED_S

    @property
    def trusted_for_s(self) -> float:
        """For how many seconds nothing need be measured, unless our clocks part."""
        if self._measured is None:
            return _TRUST_S
        due = max(self._measured.monotonic + _TRUST_S, self._measure_not_before)
        return max(due - self.clock.monotonic(), 0.0)

    async def open(self) -> None:
        """Connect, measure IB's clock, and wait a little for the report on the farms.

        Raises:
            GatewayUnavailable: with a hint at what to do.
        """
        await self.drop()
        self.refusal = ""
        self._reported.clear()
        self.health = Health(self.settings.foreign_farms)
        self.wire = Wire(self._take, self._lost)
        try:
            await self.pacer.message()  # the introduction
            await self.wire.open(
                self.settings.host, self.port, self.settings.client_id, self.settings.connect_timeout_s
            )
            await self.measure(self.settings.connect_timeout_s)
        except OSError as exc:  # TimeoutError and ConnectionError are among them
            await self.drop()
            raise self._unavailable(exc) from exc
        except BaseException:  # a cancelled opening, too, must leave no half-open socket
            await self.drop()
            raise
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.farm_report_s):
                await self._reported.wait()

    async def measure(self, timeout_s: float) -> None:
        """Ask for IB's time; also shows that the gateway lives.

        IB answers in whole seconds, rounded down, so the time errs to the safe side: a bar still forming is never
        taken for complete, and a slot never settles early.

        Raises:
            TimeoutError, ConnectionError: no answer.
        """
        if self.wire is None:
            raise ConnectionError("not connected")
        await self.pacer.message()
        epoch_s = await self.wire.current_time(timeout_s)
        self._measured = _Measuring(datetime.fromtimestamp(epoch_s, UTC), self.clock.now(), self.clock.monotonic())

    async def ensure_time(self, *, anew: bool = False) -> None:
        """Measure IB's time if it is doubtful, or in any case; whoever comes meanwhile waits for the same measuring.

        A gateway that does not answer is asked again a little later: what was measured goes on to be IB's time, which
        no step of our clock changes. That it may be gone is for the supervisor to find out.
        """
        asked_at = self.clock.monotonic()
        async with self._measuring:
            measured_since = self._measured is not None and self._measured.monotonic > asked_at
            if not self.is_time_doubtful and (measured_since or not anew):
                return
            try:
                await self.measure(self.settings.alive_timeout_s)
            except (TimeoutError, ConnectionError):
                self._measure_not_before = self.clock.monotonic() + self.settings.alive_timeout_s

    async def drop(self) -> None:
        """Close the connection, if there is one; `on_lost` is not called."""
        wire, self.wire = self.wire, None
        if wire is not None:
            await wire.close()

    async def close(self) -> None:
        """Send the cancels that are due, then close."""
        if self._cancels:
            await asyncio.wait(tuple(self._cancels), timeout=self.settings.alive_timeout_s)
        await self.drop()

    async def withdraw(self, req_id: int) -> None:
        """Cancel a historical request, so that its slot at IB is free; goes on even if the caller is cancelled."""
        if self.wire is None or not self.wire.connected:
            return
        task = asyncio.get_running_loop().create_task(self._cancel(self.wire, req_id))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)
        await asyncio.shield(task)

    async def _cancel(self, wire: Wire, req_id: int) -> None:
        await self.pacer.message()
        if wire.connected:
            wire.client.cancelHistoricalData(req_id)

    def _take(self, message: Message) -> None:
        meaning = message.row.meaning
        changed = False
        if isinstance(meaning, Notice):
            changed = self.health.take(meaning, message.text)
        if meaning is Notice.CLIENT_ID_IN_USE:
            self.refusal = message.text
        if {"history", "definition"} <= self.health.reported:
            self._reported.set()
        if self.on_message is not None:
            self.on_message(message, changed)

    def _lost(self, reason: str) -> None:
        if self.on_lost is not None:
            self.on_lost(reason)

    def _unavailable(self, exc: OSError) -> GatewayUnavailable:
        where = f"{self.settings.host}:{self.port}"
        if self.refusal:
            number = self.settings.client_id
            return ClientIdInUse(
                f"the IB gateway at {where} refused client id {number}: it is in use",
                f"stop the other program, or give this command a free id: COLLECTOR_GATEWAY__CLIENT_ID={number + 1}"
                " (a `collector serve` keeps its own also between windows)",
            )
        if isinstance(exc, ConnectionRefusedError):
            return GatewayUnavailable(
                f"nothing listens at {where}",
                "start IB Gateway or TWS and enable its API, or correct gateway.host and gateway.port"
                " (4001 live and 4002 paper for Gateway, 7496 and 7497 for TWS)",
            )
        if isinstance(exc, TimeoutError):
            return GatewayUnavailable(
                f"the port {where} is open, but no IB gateway answers within {self.settings.connect_timeout_s:g} s",
                "wait until it has logged in and restart it if it hangs; accept this machine in its trusted addresses",
            )
        return GatewayUnavailable(
            f"the connection to the IB gateway at {where} failed: {exc}",
            f"look at the gateway's window; another program may use client id {self.settings.client_id}",
        )
