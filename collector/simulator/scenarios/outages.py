"""Scenarios that hit connection, farms or gateway.

For a bounded time.
"""

from collections.abc import Collection

from collector.simulator import texts
from collector.simulator.replies import Refusal
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios.base import (
    Cut,
    Mute,
    Reaction,
    Scenario,
    Silence,
    Stage,
    seeded,
)

_FARM_OF = {
    Kind.HISTORICAL: "historical",
    Kind.HEAD_TIMESTAMP: "historical",
    Kind.CONTRACT_DETAILS: "definition",
    Kind.CHAIN: "definition",
    Kind.MARKET_DATA: "market",
}


class Outage(Scenario):
    """Something that begins with the n-th logged request or after some seconds, and lasts.

    Args:
        at_request: the request (of any logged kind, from 1) with which it begins; 0 leaves it to `after_s`.
        after_s: seconds after the start of the gateway; None leaves it to `at_request`.
        for_s: how long it lasts.
        seed: of its draws.
    """

    def __init__(self, at_request: int = 10, after_s: float | None = None, for_s: float = 30.0, seed: int = 0) -> None:
        self._at_request, self._after_s, self.for_s = at_request, after_s, for_s
        self._random = seeded(type(self).__name__, self.name, seed)
        self._begun = False

    def bind(self, stage: Stage) -> None:
        """Wait for the moment when it begins by time."""
        super().bind(stage)
        if self._after_s is not None and not self._begun:
            stage.spawn(self._wait(self._after_s))

    def arrival(self, entry: Request) -> Reaction | None:
        """Begin with this request, or react to one that comes during it."""
        if not self._begun and 0 < self._at_request <= entry.number:
            self._begin()
        return self.during(entry)

    def departure(self, entry: Request) -> Reaction | None:
        """React to an answer that would leave during it."""
        return self.during(entry)

    def begin(self) -> None:
        """Bring it about, at once."""

    async def last(self) -> None:
        """Last, and undo it."""
        await self.stage.clock.sleep(self.for_s)

    def during(self, entry: Request) -> Reaction | None:
        """React to a request while it lasts."""

    async def _wait(self, after_s: float) -> None:
        await self.stage.clock.sleep(after_s)
        if not self._begun:
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self.begin()
        self.stage.spawn(self.last())

    def astray(self, entry: Request) -> Reaction:
        """Return how a gateway without farms answers: mostly not at all, else with a false error."""
        drawn = self._random.random()
        if drawn < 0.5:  # noqa: PLR2004 - an even chance
            return Silence()
        if drawn < 0.75 and entry.kind is Kind.HISTORICAL:  # noqa: PLR2004 - one in four
            return Refusal(162, texts.NO_DATA.format(contract=f"{entry.con_id}@SMART {entry.what_to_show.title()}"))
        return Refusal(200, texts.NO_DEFINITION)


class FarmDown(Outage):
    """Farms break (2103, 2105, 2157) and mend again (2104, 2106, 2158); what they should answer goes astray.

    False answers are given only while every client has been told that the farm is broken.
    """

    name = "farm-down"

    def __init__(
        self,
        farms: Collection[str] = ("historical",),
        at_request: int = 10,
        after_s: float | None = None,
        for_s: float = 30.0,
        seed: int = 0,
    ) -> None:
        super().__init__(at_request, after_s, for_s, seed)
        self._farms = tuple(farms)

    def begin(self) -> None:
        """Break the farms."""
        for farm in self._farms:
            self.stage.farm(farm, up=False)

    async def last(self) -> None:
        """Mend them."""
        await super().last()
        for farm in self._farms:
            self.stage.farm(farm, up=True)

    def during(self, entry: Request) -> Reaction | None:
        """Let the request go astray while its farm is down."""
        farm = _FARM_OF[entry.kind]
        return None if farm not in self._farms or self.stage.farms[farm] else self.astray(entry)


class LinkLost(Outage):
    """The line to IB is lost (a burst of 1100, farms broken) and restored with 1102 or 1101; the farms follow.

    Args:
        kept: 1102, subscriptions kept; else 1101, subscriptions lost.
        at_request: see Outage; so are after_s, for_s and seed.
        farms_after_s: seconds from 1101 or 1102 until the farms are back.
    """

    name = "link-lost"

    def __init__(
        self,
        *,
        kept: bool = True,
        at_request: int = 10,
        after_s: float | None = None,
        for_s: float = 30.0,
        farms_after_s: float = 3.0,
        seed: int = 0,
    ) -> None:
        super().__init__(at_request, after_s, for_s, seed)
        self._kept, self._farms_after_s = kept, farms_after_s

    def begin(self) -> None:
        """Lose the line."""
        for _ in range(3):
            self.stage.link(up=False)
        for farm in self.stage.farms:
            self.stage.farm(farm, up=False)

    async def last(self) -> None:
        """Restore the line, then the farms."""
        await super().last()
        self.stage.link(up=True, kept=self._kept)
        await self.stage.clock.sleep(self._farms_after_s)
        for farm in self.stage.farms:
            self.stage.farm(farm, up=True)

    def during(self, entry: Request) -> Reaction | None:
        """Let every request go astray while its farm is down."""
        return None if not self._begun or self.stage.farms[_FARM_OF[entry.kind]] else self.astray(entry)


class NightlyRestart(Outage):
    """Every socket closes, the port refuses for a while, and after that the farms take some seconds to come up.

    Args:
        at_request: see Outage; so are after_s and seed.
        for_s: how long the port is closed.
        farms_after_s: seconds from the opening of the port until the farms are up; requests before get no answer.
    """

    name = "nightly-restart"

    def __init__(
        self,
        at_request: int = 10,
        after_s: float | None = None,
        for_s: float = 90.0,
        farms_after_s: float = 5.0,
        seed: int = 0,
    ) -> None:
        super().__init__(at_request, after_s, for_s, seed)
        self._farms_after_s = farms_after_s
        self._warming = False

    def begin(self) -> None:
        """Close every socket at once."""
        self._warming = True
        self.stage.cut()

    async def last(self) -> None:
        """Keep the port closed, open it, bring the farms up."""
        await self.stage.shut()
        for farm in self.stage.farms:
            self.stage.farm(farm, up=False)
        await super().last()
        await self.stage.reopen()
        await self.stage.clock.sleep(self._farms_after_s)
        self._warming = False
        for farm in self.stage.farms:
            self.stage.farm(farm, up=True)

    def during(self, entry: Request) -> Reaction | None:  # noqa: ARG002 - all requests alike
        """Stay silent until the farms are up."""
        return Silence() if self._warming else None


class OtherLogin(Outage):
    """The same user has logged in elsewhere: 162 for history, 10197 for market data."""

    name = "other-login"

    def __init__(self, at_request: int = 10, after_s: float | None = None, for_s: float = 60.0, seed: int = 0) -> None:
        super().__init__(at_request, after_s, for_s, seed)
        self._elsewhere = False

    def begin(self) -> None:
        """Lose the data to the other session."""
        self._elsewhere = True

    async def last(self) -> None:
        """Get it back, without a word."""
        await super().last()
        self._elsewhere = False

    def during(self, entry: Request) -> Reaction | None:
        """Refuse what needs data."""
        if not self._elsewhere:
            return None
        if entry.kind in {Kind.HISTORICAL, Kind.HEAD_TIMESTAMP}:
            return Refusal(162, texts.OTHER_LOGIN)
        return Refusal(10197, texts.COMPETING_SESSION) if entry.kind is Kind.MARKET_DATA else None


class HalfOpen(Outage):
    """The connections of the moment stay open and silent for ever; a new one works."""

    name = "half-open"

    def begin(self) -> None:
        """Fall silent."""
        self.stage.mute()


class DeafPort(Outage):
    """The port accepts connections that nobody answers, and those of the moment fall silent."""

    name = "deaf-port"

    def __init__(self, at_request: int = 10, after_s: float | None = None, for_s: float = 60.0, seed: int = 0) -> None:
        super().__init__(at_request, after_s, for_s, seed)
        self._deaf = False

    def begin(self) -> None:
        """Fall silent."""
        self._deaf = True
        self.stage.mute()

    async def last(self) -> None:
        """Listen again."""
        await super().last()
        self._deaf = False

    def greeting(self, client_id: int) -> Reaction | None:  # noqa: ARG002 - whoever it is
        """Do not answer a client that introduces itself."""
        return Mute() if self._deaf else None


class SocketDrop(Scenario):
    """The connection drops at the n-th message received, of any kind.

    Args:
        at_messages: message numbers counted from the gateway's start, ascending.
        abort: drop with a reset instead of an orderly end.
    """

    name = "socket-drop"

    def __init__(self, at_messages: Collection[int] = (25,), *, abort: bool = False) -> None:
        self._pending = sorted(at_messages)
        self._abort = abort

    def message(self, count: int) -> Reaction | None:
        """Drop when the number is reached."""
        if not self._pending or count < self._pending[0]:
            return None
        self._pending.pop(0)
        return Cut(self._abort)


class ClientIdInUse(Scenario):
    """A client that comes back is told 326 a few times: its old connection still counts at IB."""

    name = "client-id-in-use"

    def __init__(self, times: int = 2) -> None:
        self._left = times

    def greeting(self, client_id: int) -> Reaction | None:  # noqa: ARG002 - whoever it is
        """Refuse a client that has been connected before."""
        if self._left <= 0 or self.stage.log.connections == 0:
            return None
        self._left -= 1
        return Refusal(326, texts.CLIENT_ID_IN_USE)
