"""Scenarios that lie.

Answers that look right and are not, without a word that anything is wrong.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from collector.simulator.exchange.listings import Definition, Option, SimBar
from collector.simulator.exchange.sessions import SLOT_S
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios.answers import Spoiled
from collector.simulator.scenarios.base import HistoryReply, Scenario, Stage, chosen
from collector.simulator.scenarios.outages import Outage

_SLOT = timedelta(seconds=SLOT_S)


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer that was untrue.

    Attributes:
        con_id: the contract or underlying.
        symbol: its underlying's ticker, or its own.
        what_to_show: the series; empty for a definition.
        at: when the answer left, by the gateway's clock.
        start: the span about which it lied, `[start, end)`: what was asked, or the slot of one bar.
        end: see start.
        kind: what was wrong: `empty`, `definition`, or the name of an absurdity.
        bars: how many true bars were hidden or spoilt.
    """

    con_id: int
    symbol: str
    what_to_show: str
    at: datetime
    start: datetime
    end: datetime
    kind: str = "empty"
    bars: int = 1


class SilentHole(Outage):
    """For a while historical requests are answered 162 "no data" although there are bars, and no notice says so.

    An answer is untrue when it leaves during the hole. Answers that are no bars anyway stay as they are.

    Args:
        scope: what a hole without further words reaches over: `source`, everything; `symbol`, `contract` or `series`
            (one contract's), where what is not named by symbol, con_id and series is that of one of the first answers.
        symbol: only this underlying's.
        con_id: only this contract.
        series: only these what_to_show; all when empty.
        underlyings: underlyings and indices, too, not options alone.
        at_request: see Outage; so are after_s, for_s and seed.

    Attributes:
        struck: the answers that were untrue, oldest first.
        began: when it began, by the gateway's clock; None as long as it has not.
        until: when it ends.
    """

    name = "silent-hole"
    lies = True

    def __init__(
        self,
        scope: Literal["source", "symbol", "contract", "series"] = "source",
        symbol: str = "",
        con_id: int = 0,
        series: str | Collection[str] = (),
        *,
        underlyings: bool = False,
        at_request: int = 10,
        after_s: float | None = None,
        for_s: float = 30.0,
        seed: int = 0,
    ) -> None:
        if scope not in _DRAWN:
            raise ValueError(f"{scope!r} is no scope; there are {', '.join(_DRAWN)}")
        super().__init__(at_request, after_s, for_s, seed)
        self.scope, self.symbol, self.con_id, self.series = scope, symbol, con_id, chosen(series)
        self.underlyings = underlyings
        self.struck: list[Hit] = []
        self.began: datetime | None = None
        self.until: datetime | None = None
        self._pass_over = self._random.randrange(_AMONG) if _DRAWN[scope] else 0

    def begin(self) -> None:
        """Open the hole."""
        self.began = self.stage.clock.now()
        self.until = self.began + timedelta(seconds=self.for_s)

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Hide the bars of an answer that leaves during the hole."""
        now = self.stage.clock.now()
        if not reply.bars or self.began is None or self.until is None or now >= self.until:
            return
        if not self._concerns(entry) or entry.start is None or entry.end is None:
            return
        self.struck.append(
            Hit(entry.con_id, entry.symbol, entry.what_to_show, now, entry.start, entry.end, bars=len(reply.bars))
        )
        reply.bars = ()

    def _concerns(self, entry: Request) -> bool:
        """Return whether the hole reaches over an answer; the first that it may reach over decide what is drawn."""
        if not self.underlyings and self.stage.market.option(entry.con_id) is None:
            return False
        if (self.symbol or entry.symbol) != entry.symbol or (self.con_id or entry.con_id) != entry.con_id:
            return False
        if self.series and entry.what_to_show not in self.series:
            return False
        if self._pass_over:
            self._pass_over -= 1
            return False
        drawn = _DRAWN[self.scope]
        if "symbol" in drawn:
            self.symbol = entry.symbol
        if "con_id" in drawn:
            self.con_id = entry.con_id
        if "series" in drawn:
            self.series = frozenset({entry.what_to_show})
        return True

    def misleading(self, within: timedelta = timedelta(minutes=1)) -> tuple[Hit, ...]:
        """Return the untrue answers that no control contradicts: bars of the same symbol and series came around them.

        Read from the gateway's log, so after the hole. An underlying's bars are no control of its options' series, nor
        theirs of its own.

        Args:
            within: an answer with bars counts as a control so long before and so long after.
        """
        controls: dict[tuple[str, str, bool], list[datetime]] = {}
        for entry in self.stage.log.historical:
            if entry.outcome == "bars" and entry.answered_at is not None:
                controls.setdefault(self._kin(entry), []).append(entry.answered_at)
        for times in controls.values():
            times.sort()
        return tuple(hit for hit in self.struck if _is_between(hit.at, controls.get(self._kin(hit), []), within))

    def _kin(self, one: Request | Hit) -> tuple[str, str, bool]:
        """Return what a control has to share with an answer: symbol, series, and whether it is an option's."""
        return one.symbol, one.what_to_show, self.stage.market.option(one.con_id) is not None

    @property
    def reaches_over_control(self) -> bool:
        """Whether it swallowed every control of its untrue answers, so that none of them may be believed."""
        return not self.misleading()


_DRAWN: Mapping[str, tuple[str, ...]] = {
    "source": (),
    "symbol": ("symbol",),
    "contract": ("symbol", "con_id"),
    "series": ("symbol", "con_id", "series"),
}
_AMONG = 5
"""What is drawn is that of one of so many first answers that a hole might hit."""


def _is_between(at: datetime, times: list[datetime], within: timedelta) -> bool:
    """Return whether one of some ascending instants lies so closely before, and one so closely after an instant."""
    before, after = bisect_right(times, at), bisect_left(times, at)
    return before > 0 and at - times[before - 1] <= within and after < len(times) and times[after] - at <= within


class Absurdity(NamedTuple):
    """What a bar looks like that cannot be true.

    Attributes:
        series: the series in which it occurs.
        of: whose: an option's or an underlying's.
        spoilt: makes it out of a true one.
    """

    series: str
    of: Literal["option", "underlying"]
    spoilt: Callable[[SimBar], SimBar]


def _flat(price: Decimal) -> Callable[[SimBar], SimBar]:
    return lambda bar: bar._replace(open=price, high=price, low=price, close=price)


def _high_below_low(bar: SimBar) -> SimBar:
    return bar._replace(low=bar.high + Decimal("0.05"), volume=Decimal(500))


ABSURDITIES: Mapping[str, Absurdity] = {
    "count": Absurdity("TRADES", "option", lambda bar: bar._replace(count=3_000_000_000)),
    "average": Absurdity("TRADES", "option", lambda bar: bar._replace(wap=Decimal(10**11))),
    "volume": Absurdity("TRADES", "option", lambda bar: bar._replace(volume=Decimal(10**17))),
    "price": Absurdity("TRADES", "option", _flat(Decimal("1e-30"))),
    "nan": Absurdity("TRADES", "option", lambda bar: bar._replace(close=Decimal("NaN"))),
    "inf": Absurdity("TRADES", "option", lambda bar: bar._replace(high=Decimal("Infinity"))),
    "minus-inf": Absurdity("TRADES", "option", lambda bar: bar._replace(low=Decimal("-Infinity"))),
    "shape": Absurdity("TRADES", "option", _high_below_low),
    "off-grid": Absurdity("TRADES", "option", lambda bar: bar._replace(time=bar.time + timedelta(seconds=60))),
    "shares": Absurdity("TRADES", "underlying", lambda bar: bar._replace(volume=Decimal(10**17))),
    "volatility": Absurdity("OPTION_IMPLIED_VOLATILITY", "underlying", _flat(Decimal(2 * 10**8))),
}
"""Kinds of bars that cannot be true, by name."""


class AbsurdValues(Spoiled):
    """One bar of an answer cannot be true; the next answer about the same series is.

    Args:
        kinds: keys of ABSURDITIES; all when empty.
        hits: how many series are hit at most, each once; so share, symbols and seed, see Spoiled.

    Attributes:
        struck: the bars that were spoilt, oldest first; `start` is the slot of the true bar.
    """

    name = "absurd-values"
    lies = True

    def __init__(
        self,
        kinds: str | Collection[str] = (),
        hits: int = 5,
        share: float = 0.25,
        symbols: str | Collection[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(hits, share, symbols, seed=seed)
        self.kinds = tuple(kind for kind in ABSURDITIES if kind in (chosen(kinds) or ABSURDITIES))
        if unknown := chosen(kinds) - ABSURDITIES.keys():
            raise ValueError(f"{', '.join(sorted(unknown))} is no absurdity; there are {', '.join(ABSURDITIES)}")
        self.struck: list[Hit] = []
        self._done: set[tuple[int, str]] = set()

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Spoil one bar on a hit."""
        series = (entry.con_id, entry.what_to_show)
        of = "underlying" if self.stage.market.option(entry.con_id) is None else "option"
        possible = [one for one in self.kinds if ABSURDITIES[one][:2] == (entry.what_to_show, of)]
        if not reply.bars or not possible or series in self._done or not self.hit(entry):
            return
        self._done.add(series)
        kind, place = self._random.choice(possible), self._random.randrange(len(reply.bars))
        self.struck.append(_spoil(entry, reply, place, kind, self.stage.clock.now()))


class RefusedTrade(Spoiled):
    """A trade bar's high lies below its low with a volume of 500: the same bar so many times, then the true one.

    Args:
        times: how often a contract's answer holds the bar.
        hits: how many contracts are hit; so share, symbols and seed, see Spoiled.

    Attributes:
        struck: the bars that were spoilt, oldest first.
    """

    name = "refused-trade"
    lies = True

    def __init__(
        self, times: int = 1, hits: int = 2, share: float = 0.25, symbols: str | Collection[str] = (), seed: int = 0
    ) -> None:
        super().__init__(hits, share, symbols, ("TRADES",), seed)
        self._times = times
        self.struck: list[Hit] = []
        self._chosen: dict[int, tuple[datetime, int]] = {}

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Spoil the contract's bar as often as is said."""
        if entry.what_to_show != "TRADES" or not reply.bars or self.stage.market.option(entry.con_id) is None:
            return
        if entry.con_id not in self._chosen and self.hit(entry):
            self._chosen[entry.con_id] = self._random.choice(reply.bars).time, self._times
        slot, left = self._chosen.get(entry.con_id, (None, 0))
        place = next((n for n, bar in enumerate(reply.bars) if bar.time == slot), None)
        if slot is None or place is None or not left:
            return
        self._chosen[entry.con_id] = slot, left - 1
        self.struck.append(_spoil(entry, reply, place, "shape", self.stage.clock.now()))


def _spoil(entry: Request, reply: HistoryReply, place: int, kind: str, at: datetime) -> Hit:
    """Put an absurd bar in the place of a true one."""
    true = reply.bars[place]
    reply.bars = [*reply.bars[:place], ABSURDITIES[kind].spoilt(true), *reply.bars[place + 1 :]]
    return Hit(entry.con_id, entry.symbol, entry.what_to_show, at, true.time, true.time + _SLOT, kind)


class AbsurdStrike(Spoiled):
    """The definitions of an expiration hold one contract more, which does not exist and has a strike of 11 digits.

    Args:
        hits: how many answers; so share, symbols and seed, see Spoiled.

    Attributes:
        struck: the contracts that were added.
    """

    name = "absurd-strike"
    kind = Kind.CONTRACT_DETAILS
    lies = True

    def __init__(self, hits: int = 1, share: float = 1.0, symbols: str | Collection[str] = (), seed: int = 0) -> None:
        super().__init__(hits, share, symbols, seed=seed)
        self.struck: list[Hit] = []

    def define(self, entry: Request, found: tuple[Definition, ...]) -> tuple[Definition, ...]:
        """Add the contract on a hit."""
        model = found[-1]
        if len(found) == 1 or not isinstance(model, Option) or not self.hit(entry):
            return found
        at, con_id = self.stage.clock.now(), _NO_CONTRACT + len(self.struck)
        self.struck.append(Hit(con_id, model.symbol, "", at, at, at, "definition", 0))
        return (*found, replace(model, con_id=con_id, strike=_LONG_STRIKE))


_NO_CONTRACT = 1_900_000_001
"""Above every number that a contract of the market can have."""
_LONG_STRIKE = Decimal(12_345_678_901)


class Memory(Scenario):
    """The source remembers for other spans than usual; the truth is the same.

    Args:
        quote_depth_days: calendar days for which quotes of options can be asked; None is as usual, as below.
        trade_depth_days: calendar days for which trades of options can be asked.
        purge_days: calendar days after its expiration on which a contract is forgotten.
        purge_hour: hour of that day in New York at which it is.
    """

    name = "memory"

    def __init__(
        self,
        quote_depth_days: int | None = None,
        trade_depth_days: int | None = None,
        purge_days: int | None = 2,
        purge_hour: int | None = None,
    ) -> None:
        given = {
            "quote_depth_days": quote_depth_days,
            "trade_depth_days": trade_depth_days,
            "purge_days": purge_days,
            "purge_hour": purge_hour,
        }
        self.settings = {name: value for name, value in given.items() if value is not None}

    def bind(self, stage: Stage) -> None:
        """Show the market through this memory, to this gateway alone."""
        super().bind(stage)
        stage.market = stage.market.remembering(**self.settings)
