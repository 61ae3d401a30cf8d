"""Watch the connection, restore it, hold requests meanwhile.

The one place that watches the connection, restores it, and lets requests wait meanwhile.

Requests pass a gate, one for history and one for definitions. A gate closes when the socket is lost, the gateway
loses IB, a farm breaks, somebody else logs in, or too many requests fail in a row; what is under way then ends as
disconnected or farm down, to be asked again. It opens when the cause is gone *and* one cheap request was answered.
"""

import asyncio
import contextlib
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from collector.domain.conditions import ConditionKind
from collector.domain.errors import GatewayUnavailable
from collector.domain.market_data.answers import Failure, Outcome
from collector.ib.connection.breaker import Breaker
from collector.ib.connection.gateway import Gateway
from collector.ib.connection.wire_client import Kind, Message, Wire
from collector.ib.error_codes import Meaning, Notice

_PROBES_BEFORE_RECONNECT = 3
_NEUTRAL = (Outcome.DISCONNECTED, Outcome.FARM_DOWN, Outcome.OTHER_LOGIN, Outcome.PACING)
"""Outcomes that say nothing about whether the gateway answers: the supervisor or the pacer deals with them."""

_NO_PROOF = (*_NEUTRAL, Outcome.TIME_OUT, Outcome.UNKNOWN, Outcome.UNKNOWN_CONTRACT)
"""Outcomes of a probe after which nothing is released; its contract is known to exist and to live."""

_CONDITIONS = {
    Outcome.DISCONNECTED: ConditionKind.GATEWAY_AWAY,
    Outcome.FARM_DOWN: ConditionKind.FARM_AWAY,
    Outcome.OTHER_LOGIN: ConditionKind.OTHER_LOGIN,
}
"""What a gate is closed for; where it is for anything else, the breaker has closed it."""

_EVENTS_KEPT = 200
_TICK_S = 0.01
"""Timers may fire a nanosecond early; waits shorter than this would spin until the clock moves."""


class EventKind(StrEnum):
    """What happened to the connection."""

    CONNECTED = "connected"
    LOST = "lost"
    ATTEMPT_FAILED = "attempt_failed"
    NOTICE = "notice"
    SILENT = "silent"
    OTHER_LOGIN = "other_login"
    BREAKER_OPEN = "breaker_open"
    PROBE_FAILED = "probe_failed"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, for the log and the run's record. at: our clock, aware UTC."""

    at: datetime
    kind: EventKind
    message: str
    code: int | None = None


class Block(NamedTuple):
    """Why a gate is closed."""

    outcome: Outcome
    reason: str


class Supervisor:
    """Keeps one gateway usable.

    Args:
        gateway: the connection; this object alone opens and drops it.
        probe: performs one cheap historical request past the gates and returns how it ended; None as long as there
            is nothing that could be asked for.
        jitter: the source of randomness of the back-off.
        breaker: closed; counts requests without an answer.
    """

    def __init__(
        self, gateway: Gateway, probe: Callable[[], Awaitable[Outcome | None]], jitter: random.Random, breaker: Breaker
    ) -> None:
        self._gateway = gateway
        gateway.on_message, gateway.on_lost = self.take, self.lost
        self._settings = gateway.settings
        self._clock = gateway.clock
        self._probe = probe
        self._jitter = jitter
        self.breaker = breaker
        self.events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self.on_event: Callable[[Event], None] | None = None
        self.reconnects = 0
        # Three states. Not ready: no socket; the watch reconnects. In doubt (`_doubt` says why): connected, but history
        # waits for a probe, due at `_next_probe_at`. Proved: neither. `lost` and `_give_up_socket` lead to the first,
        # `_distrust` and `_reconnect` to the second; to the third only `_prove` does, but for the first connection,
        # which `start` trusts.
        self._doubt: Block | None = None
        self._lost_because = ""
        self._ready = False
        self._next_probe_at = 0.0
        self._failed_probes = 0
        self._down_since: dict[str, float] = {}
        self._heard = (-1, 0.0)
        self._wake = asyncio.Event()
        self._gates = {kind: asyncio.Event() for kind in Kind}
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect for the first time, then keep watch.

        Raises:
            GatewayUnavailable: there is no usable connection.
        """
        patience_until = self._clock.monotonic() + self._settings.client_id_patience_s
        while True:
            try:
                await self._gateway.open()
                break
            except GatewayUnavailable:
                # A dead process's connection frees its client id within seconds; everything else is for people.
                if not self._gateway.refusal or self._clock.monotonic() >= patience_until:
                    raise
                await self._clock.sleep(
                    self._backed_off(1, self._settings.first_retry_s, self._settings.longest_retry_s)
                )
        self._ready = True
        self._tell(EventKind.CONNECTED, f"connected to {self._settings.host}:{self._gateway.port}")
        self._refresh()
        self._watch = asyncio.get_running_loop().create_task(self._keep_watch())

    async def stop(self) -> None:
        """End the watch and close the connection.

        Raises:
            Exception: the watch had failed by a programming error.
        """
        watch, self._watch = self._watch, None
        try:
            if watch is not None:
                watch.cancel()
                await asyncio.wait({watch})
        finally:
            await self._gateway.close()
            self._refresh()
        if watch is not None and not watch.cancelled() and (failure := watch.exception()):
            raise failure

    # The gates.

    def block(self, kind: Kind) -> Block | None:
        """Return why requests of this kind must wait; None when they may pass."""
        health = self._gateway.health
        if not self._ready or not self._gateway.connected:
            return Block(Outcome.DISCONNECTED, self._lost_because or "not connected")
        if not health.line_up:
            return Block(Outcome.DISCONNECTED, "the gateway has lost IB")
        # Doubt is about history, which a probe can prove. Definitions have farms of their own, known by notices alone.
        if kind is Kind.DEFINITION:
            return None if health.definitions_up else Block(Outcome.FARM_DOWN, health.describe())
        if not health.history_up:
            return Block(Outcome.FARM_DOWN, health.describe())
        return self._doubt

    @property
    def condition(self) -> ConditionKind | None:
        """What keeps historical requests waiting; None when they may pass."""
        block = self.block(Kind.HISTORICAL)
        if block is None:
            return None
        # A new socket on which nothing has been answered yet changes nothing for a breaker that is open.
        if block is self._doubt and block.outcome is Outcome.DISCONNECTED and self.breaker.opened_at is not None:
            return ConditionKind.BREAKER_OPEN
        return _CONDITIONS.get(block.outcome, ConditionKind.BREAKER_OPEN)

    async def admit(self, kind: Kind, patience_s: float) -> Failure | None:
        """Wait until requests of this kind may pass; after `patience_s` seconds return why they may not."""
        until = self._clock.monotonic() + patience_s
        while (block := self.block(kind)) is not None:
            left_s = until - self._clock.monotonic()
            if left_s < _TICK_S:
                return Failure(block.outcome, f"waited {patience_s:.0f} s: {block.reason}")
            # A gate may have closed again before its waiters run: `block` decides, the event only wakes.
            self._refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._gates[kind].wait()
        return None

    # What happens.

    def lost(self, reason: str) -> None:
        """Take it that the socket is gone."""
        self._ready = False
        self._lost_because = reason
        self._tell(EventKind.LOST, reason)
        self._refresh()
        self._wake.set()

    def take(self, message: Message, changed: bool) -> None:
        """Take an error or notice from IB; `changed`: it changed what is known of farms and line."""
        meaning, text = message.row.meaning, message.text
        if changed or meaning in (Notice.RATE_EXCEEDED, Notice.SOCKET_RESET, Notice.CLIENT_ID_IN_USE):
            self._tell(EventKind.NOTICE, text, message.row.code)
        if meaning is Outcome.OTHER_LOGIN:
            self._other_login(text, message.row.code)
        elif meaning is Notice.RATE_EXCEEDED:
            self._gateway.pacer.pause(self._gateway.pacer.settings.pause_s, text)
        elif meaning is Notice.SOCKET_RESET and (port := re.findall(r"\d{2,5}", text)):
            self._gateway.port = int(port[-1])
        elif self._gateway.wire is not None:
            if changed:
                self._time_trouble()
            self._take_trouble(self._gateway.wire, meaning, text, changed=changed)
        self._refresh()
        self._wake.set()

    def _take_trouble(self, wire: Wire, meaning: Meaning, text: str, *, changed: bool) -> None:
        """End what can no longer be answered, and set the time at which to look again."""
        match meaning:
            # Only a change: a repeated notice would end what was asked since, and put the probe off.
            case Notice.CONNECTIVITY_LOST if changed:
                wire.end_all(Outcome.DISCONNECTED, text)
                self._distrust(Block(Outcome.DISCONNECTED, text), self._settings.farm_doubt_s)
            # Changed or not: IB has forgotten what it was asked, so no answer would ever come.
            case Notice.CONNECTIVITY_RESTORED_DATA_LOST:
                wire.end_all(Outcome.DISCONNECTED, text)
                self._distrust(Block(Outcome.DISCONNECTED, text), self._farm_wait_s)
            case Notice.HISTORY_FARM_DOWN if changed:
                wire.end_all(Outcome.FARM_DOWN, text, Kind.HISTORICAL)
                self._distrust(Block(Outcome.FARM_DOWN, text), self._settings.farm_doubt_s)
            case Notice.DEFINITION_FARM_DOWN if changed:
                wire.end_all(Outcome.FARM_DOWN, text, Kind.DEFINITION)
            # The doubt stays: the notice may be early. It only brings the probe forward.
            case Notice.CONNECTIVITY_RESTORED | Notice.HISTORY_FARM_UP if changed and self._gateway.health.history_up:
                self._next_probe_at = self._clock.monotonic()

    def note(self, outcome: Outcome, message: str) -> None:
        """Take the outcome of a request: failures in a row open the breaker, an answer closes it."""
        if outcome in _NEUTRAL:
            return
        was_open = self.breaker.opened_at is not None
        if outcome not in (Outcome.TIME_OUT, Outcome.UNKNOWN):
            if self.breaker.failures:
                self.breaker = self.breaker.succeeded()
            # An answer to what was still under way: no need to sit the breaker's time out.
            if was_open:
                self._next_probe_at = self._clock.monotonic()
                self._wake.set()
            return
        now = self._clock.monotonic()
        self.breaker = self.breaker.failed(now)
        if self.breaker.opened_at is not None and not was_open:
            reason = f"{self.breaker.failures} requests in a row failed, the last one: {message}"
            self._tell(EventKind.BREAKER_OPEN, reason)
            self._distrust(Block(outcome, reason), (self.breaker.retry_at or now) - now)
            self._refresh()

    # The watch.

    async def _keep_watch(self) -> None:
        while True:
            self._refresh()
            # Cleared before anything is looked at: what happens from here on ends the wait below.
            self._wake.clear()
            if not self._ready or not self._gateway.connected:
                await self._reconnect()
                continue
            now = self._clock.monotonic()
            self._forget_old_trouble(now)
            if self._doubt is not None and now >= self._next_probe_at:
                await self._prove()
                continue
            if self._gateway.wire is not None and self._gateway.wire.heard != self._heard[0]:
                self._heard = (self._gateway.wire.heard, now)
            quiet_until = self._heard[1] + self._settings.silence_s
            if now >= quiet_until:
                await self._check_life()
                continue
            if self._gateway.is_time_doubtful:
                await self._gateway.ensure_time()
                continue
            # Nothing to do: sleep until the first thing that time alone brings, or until something happens.
            until = min(quiet_until, now + self._gateway.trusted_for_s)
            until = until if self._doubt is None else min(until, self._next_probe_at)
            until = min([until, *(since + self._settings.farm_doubt_s for since in self._down_since.values())])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(until - now, _TICK_S)):
                    await self._wake.wait()

    async def _reconnect(self) -> None:
        """Try until there is a connection again, with a jittered back-off."""
        attempt = 0
        self._ready = False
        while not self._ready:
            attempt += 1
            await self._clock.sleep(
                self._backed_off(attempt, self._settings.first_retry_s, self._settings.longest_retry_s)
            )
            # IB reports its farms anew on each connection.
            self._down_since.clear()
            try:
                await self._gateway.open()
                self._ready = self._gateway.connected
            except GatewayUnavailable as exc:
                self._lost_because = exc.message
                self._tell(EventKind.ATTEMPT_FAILED, f"attempt {attempt}: {exc.message}")
        self.reconnects += 1
        self._heard = (-1, self._clock.monotonic())
        self._tell(EventKind.CONNECTED, f"connected again at attempt {attempt}")
        # A new socket says nothing of who else is logged in: that doubt and the time of its probe stay.
        if self._doubt is None or self._doubt.outcome is not Outcome.OTHER_LOGIN:
            self._failed_probes = 0
            self._distrust(Block(Outcome.DISCONNECTED, "connected again, not proved yet"), self._farm_wait_s)

    async def _prove(self) -> None:
        """Ask for something cheap; release what waits when it is answered."""
        health = self._gateway.health
        # As it is before the probe: it may end while the notices change.
        flagged = not health.history_up
        if self.breaker.opened_at is not None:
            self.breaker = self.breaker.claimed(self._clock.monotonic())
        outcome = await self._probe()
        if outcome is None:
            outcome = Outcome.NO_DATA if await self._alive() else Outcome.TIME_OUT
        if not self._gateway.connected:
            return
        # Bars are proof, whatever the notices say. Any other answer is one only if nothing was flagged all the while: a
        # broken farm says "no data" as well.
        if outcome is Outcome.BARS or (outcome not in _NO_PROOF and not flagged and self._gateway.health.history_up):
            health.believe_up()
            self.breaker = self.breaker.succeeded()
            self._doubt, self._failed_probes = None, 0
            self._tell(EventKind.RESUMED, f"a probe ended as {outcome}; what waits goes on")
            self._refresh()
            return
        self._failed_probes += 1
        if outcome in (Outcome.TIME_OUT, Outcome.UNKNOWN):
            self.breaker = self.breaker.failed(self._clock.monotonic())
        first_s = self._farm_wait_s or self._settings.first_retry_s
        if outcome is Outcome.OTHER_LOGIN:
            first_s = self._settings.other_login_retry_s
        delay_s = self._backed_off(self._failed_probes, first_s, max(first_s, self._settings.longest_retry_s))
        self._next_probe_at = self._clock.monotonic() + delay_s
        self._tell(EventKind.PROBE_FAILED, f"a probe ended as {outcome}; the next one in {delay_s:.0f} s")
        # A dead socket is given up at once. Where the gateway lives, a new connection may help, but not after every
        # probe.
        if outcome is Outcome.TIME_OUT and not await self._alive():
            await self._give_up_socket("the gateway answers nothing")
        elif (flagged or outcome is Outcome.TIME_OUT) and self._failed_probes % _PROBES_BEFORE_RECONNECT == 0:
            await self._give_up_socket("the gateway lives, but no request is answered")

    async def _check_life(self) -> None:
        """Ask for the time after a long silence: a socket may be half open."""
        if await self._alive():
            self._heard = (self._heard[0], self._clock.monotonic())
        elif self._gateway.connected:
            await self._give_up_socket(f"the gateway is silent for {self._settings.silence_s:.0f} s and more")

    async def _alive(self) -> bool:
        try:
            await self._gateway.measure(self._settings.alive_timeout_s)
        except (TimeoutError, ConnectionError):
            return False
        return True

    async def _give_up_socket(self, reason: str) -> None:
        self._ready = False
        self._lost_because = reason
        self._tell(EventKind.SILENT, reason)
        await self._gateway.drop()
        self._refresh()

    def _other_login(self, text: str, code: int) -> None:
        # Each refused request may bring the notice again: if each put the probe off, it would never come.
        if self._doubt is None or self._doubt.outcome is not Outcome.OTHER_LOGIN:
            self._tell(EventKind.OTHER_LOGIN, text, code)
            self._distrust(Block(Outcome.OTHER_LOGIN, text), self._settings.other_login_retry_s)

    def _distrust(self, block: Block, probe_in_s: float = 0.0) -> None:
        self._doubt = block
        self._next_probe_at = self._clock.monotonic() + probe_in_s
        self._wake.set()

    @property
    def _farm_wait_s(self) -> float:
        """How long to wait before a probe: not at all, unless a history farm or the line is known to be down."""
        return 0.0 if self._gateway.health.history_up else self._settings.farm_doubt_s

    def _time_trouble(self) -> None:
        """Note since when farms are down that no probe proves: those of definitions and of live data."""
        now, down = self._clock.monotonic(), self._gateway.health.down
        self._down_since = {name: self._down_since.get(name, now) for name in down["definition"] | down["market"]}

    def _forget_old_trouble(self, now: float) -> None:
        """Take them for up again after a while: the notice of recovery may never come, nor options need them."""
        old = [name for name, since in self._down_since.items() if now - since >= self._settings.farm_doubt_s]
        if old:
            self._gateway.health.forget(old)
            self._time_trouble()
            self._refresh()

    def _refresh(self) -> None:
        """Open and close the gates as things stand."""
        for kind, gate in self._gates.items():
            if self.block(kind) is None:
                gate.set()
            else:
                gate.clear()

    def _backed_off(self, attempt: int, first_s: float, longest_s: float) -> float:
        """Return the seconds before an attempt (from 1): doubling, with jitter on the upper half."""
        whole: float = min(first_s * 2.0 ** min(attempt - 1, 30), longest_s)
        return whole * self._jitter.uniform(0.5, 1.0)

    def _tell(self, kind: EventKind, message: str, code: int | None = None) -> None:
        event = Event(self._clock.now(), kind, message, code)
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(event)
