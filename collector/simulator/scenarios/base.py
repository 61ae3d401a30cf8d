"""Hooks and reactions of a scenario.

What a scenario is: hooks at the moments where a real gateway misbehaves, and the reactions they may ask for.
"""

import random
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from collector.clock import Clock
from collector.simulator.exchange.listings import Definition, SimBar
from collector.simulator.market import Market
from collector.simulator.replies import Refusal
from collector.simulator.request_log import Request, RequestLog


def seeded(*parts: object) -> random.Random:
    """Return a generator of reproducible draws for the named purpose."""
    return random.Random(":".join(map(str, parts)))  # noqa: S311 - a simulation must repeat itself


def chosen(names: str | Collection[str]) -> frozenset[str]:
    """Return names that may be given as one text or several; empty when none is."""
    return frozenset(filter(None, (names,) if isinstance(names, str) else names))


@dataclass(frozen=True, slots=True)
class Silence:
    """Never answer; the request stays open until the client cancels it."""


@dataclass(frozen=True, slots=True)
class Late:
    """Answer just after the client has cancelled, or after so many seconds when it does not."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Drop the connection instead of answering; abort sends a reset rather than an orderly end."""

    abort: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """Leave the connection open but neither read nor write on it any more."""


Reaction = Silence | Refusal | Late | Cut | Mute


@dataclass(slots=True)
class HistoryReply:
    """The answer to a historical request before it is written: bars, and notices (code, text) that go first."""

    bars: Sequence[SimBar]
    notices: list[tuple[int, str]] = field(default_factory=list)


class Stage(Protocol):
    """What a scenario may do to the gateway."""

    clock: Clock
    market: Market
    log: RequestLog
    farms: dict[str, bool]

    def notify(self, code: int, text: str) -> None:
        """Send a notice (id -1) to every client."""

    def farm(self, name: str, *, up: bool) -> None:
        """Break or mend a farm (`market`, `historical`, `definition`) and tell every client."""

    def link(self, *, up: bool, kept: bool = True) -> None:
        """Lose the gateway's line to IB (1100), or restore it with (1102) or without (1101) its subscriptions."""

    def cut(self, *, abort: bool = False) -> None:
        """Drop every connection."""

    def mute(self) -> None:
        """Leave every connection open and silent."""

    async def shut(self) -> None:
        """Drop every connection and close the port."""

    async def reopen(self) -> None:
        """Open the same port again."""

    def spawn(self, timeline: Coroutine[Any, Any, None]) -> None:
        """Run a timeline beside the gateway; it is cancelled when the gateway stops."""


class Scenario:
    """A way to misbehave. The base class does nothing; a scenario overrides the hooks that it needs.

    One object belongs to one gateway and keeps what it has already done: every fault hits a bounded number of
    requests or lasts a bounded time, so that a client which persists gets everything.

    Attributes:
        name: the name under which it is registered.
        slows: whether `serve` takes time; such gateways answer through tasks.
        heals: whether a client that treats the fault as what it is ends with everything that it would have had.
        lies: whether it gives answers that look right and are not; then a client must doubt, not only persist.
    """

    name: str = ""
    slows: bool = False
    heals: bool = True
    lies: bool = False

    def bind(self, stage: Stage) -> None:
        """Prepare for this gateway; called once, before the port opens."""
        self.stage = stage

    def greeting(self, client_id: int) -> Reaction | None:
        """React to a client that introduces itself."""

    def message(self, count: int) -> Reaction | None:
        """React to the count-th message received since the gateway started, of any kind."""

    def arrival(self, entry: Request) -> Reaction | None:
        """React to a request that has just been received."""

    async def serve(self, entry: Request) -> None:
        """Take the time that the request takes."""

    def departure(self, entry: Request) -> Reaction | None:
        """React when the answer is about to be sent."""

    def notices(self, entry: Request) -> Sequence[tuple[int, str]]:  # noqa: ARG002 - the hook's signature
        """Return notices (code, text) that go before the first ticks of a market-data stream, on its own id."""
        return ()

    def define(self, entry: Request, found: tuple[Definition, ...]) -> tuple[Definition, ...]:  # noqa: ARG002 - the hook's signature
        """Return the contracts that are told in answer to a question for definitions; `found` are the true ones."""
        return found

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Change a historical answer in place."""

    def garble(self, entry: Request, written: bytes) -> bytes:  # noqa: ARG002 - the hook's signature
        """Change the bytes of a historical answer."""
        return written
