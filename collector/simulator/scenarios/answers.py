"""Scenarios that spoil single answers.

Scenarios that spoil single historical answers, a bounded number of them.
"""

import struct
from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal

from collector.simulator import texts
from collector.simulator.exchange.listings import SimBar
from collector.simulator.exchange.sessions import SLOT_S, epoch, local_date, session, session_on_or_before, utc
from collector.simulator.replies import Refusal
from collector.simulator.request_log import Kind, Request
from collector.simulator.scenarios.base import (
    HistoryReply,
    Late,
    Reaction,
    Scenario,
    Silence,
    Stage,
    chosen,
    seeded,
)


class Spoiled(Scenario):
    """A fault that hits some requests (historical ones unless `kind` says otherwise), drawn until enough are hit.

    Args:
        hits: how many requests are hit at most.
        share: probability with which a request is hit while there are hits left.
        symbols: only requests for these underlyings; all when empty.
        series: only these what_to_show; all when empty.
        seed: of the draws.
    """

    kind = Kind.HISTORICAL

    def __init__(
        self,
        hits: int = 5,
        share: float = 0.25,
        symbols: str | Collection[str] = (),
        series: str | Collection[str] = (),
        seed: int = 0,
    ) -> None:
        self._left = hits
        self._share = share
        self._symbols, self._series = chosen(symbols), chosen(series)
        self._random = seeded(type(self).__name__, self.name, seed)

    def hit(self, entry: Request) -> bool:
        """Draw whether this request is hit, and count it."""
        if self._left <= 0 or entry.kind is not self.kind:
            return False
        if self._series and entry.what_to_show not in self._series:
            return False
        if self._symbols and self._symbol(entry) not in self._symbols:
            return False
        if self._random.random() >= self._share:
            return False
        self._left -= 1
        return True

    def _symbol(self, entry: Request) -> str:
        """Return the underlying's symbol, also of a request that names the contract by number only."""
        if entry.symbol:
            return entry.symbol
        market = self.stage.market
        option = market.option(entry.con_id)
        if option is not None:
            return option.symbol
        known = {one.con_id: one.symbol for one in market.stocks} | {one.con_id: one.symbol for one in market.indices}
        return known.get(entry.con_id, "")


class Dropped(Spoiled):
    """No answer ever comes."""

    name = "dropped-answers"

    def arrival(self, entry: Request) -> Reaction | None:
        """Stay silent on a hit."""
        return Silence() if self.hit(entry) else None


class LongRequests(Scenario):
    """No answer ever comes to a historical request that asks for too many days.

    Args:
        days: so many are answered; what is shorter than a day is asked for in seconds.
    """

    name = "long-requests"

    def __init__(self, days: int = 1) -> None:
        self._days = days

    def arrival(self, entry: Request) -> Reaction | None:
        """Stay silent on what is too long."""
        number, _, unit = entry.duration.partition(" ")
        return Silence() if unit == "D" and int(number) > self._days else None


class LateAnswers(Spoiled):
    """The answer comes just after the client has given up and cancelled; `after_s` when it never does."""

    name = "late-answers"

    def __init__(self, hits: int = 5, share: float = 0.25, after_s: float = 600.0, seed: int = 0) -> None:
        super().__init__(hits, share, seed=seed)
        self._after_s = after_s

    def arrival(self, entry: Request) -> Reaction | None:
        """Hold the answer back on a hit."""
        return Late(self._after_s) if self.hit(entry) else None


class Refused(Spoiled):
    """An error instead of the answer.

    Args:
        name: the scenario's name in the registry.
        code: IB's error code.
        text: IB's words.
        heals: whether the same request is answered later and a client may count on it.
        hits: see Spoiled; so are share, symbols, series and seed.
    """

    def __init__(
        self,
        name: str,
        code: int,
        text: str,
        *,
        heals: bool = True,
        hits: int = 5,
        share: float = 0.25,
        symbols: str | Collection[str] = (),
        series: str | Collection[str] = (),
        seed: int = 0,
    ) -> None:
        self.name = name
        self.heals = heals
        super().__init__(hits, share, symbols, series, seed)
        self._refusal = Refusal(code, text)

    def arrival(self, entry: Request) -> Reaction | None:
        """Refuse on a hit."""
        return self._refusal if self.hit(entry) else None


class RefusedStreams(Refused):
    """An error instead of a market-data stream; see Refused. Bars are not concerned."""

    kind = Kind.MARKET_DATA


class SilentStreams(Dropped):
    """Market data that never comes; see Spoiled. Bars are not concerned."""

    name = "silent-streams"
    kind = Kind.MARKET_DATA


class NoticedStreams(Scenario):
    """A notice before the ticks of every stream: delayed data, or a part that is not subscribed.

    Args:
        code: IB's code.
        text: IB's words.
    """

    name = "noticed-streams"

    def __init__(self, code: int, text: str) -> None:
        self._notice = (code, text)

    def notices(self, entry: Request) -> list[tuple[int, str]]:  # noqa: ARG002 - the hook's signature
        """Return the notice."""
        return [self._notice]


class DuplicatedBars(Spoiled):
    """Some bars of an answer come twice."""

    name = "duplicated-bars"

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Repeat about every fifth bar, next to itself."""
        if reply.bars and self.hit(entry):
            reply.bars = [bar for bar in reply.bars for _ in range(self._random.choice((1, 1, 1, 1, 2)))]


class WithheldTail(Spoiled):
    """A notice 2188, then bars that lack the last minutes before now."""

    name = "withheld-tail"

    def __init__(self, hits: int = 20, share: float = 0.5, minutes: int = 20, seed: int = 0) -> None:
        super().__init__(hits, share, seed=seed)
        self._tail = timedelta(minutes=minutes)

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Cut the tail off and say so."""
        if self.hit(entry):
            newest = entry.received_at - self._tail
            reply.notices.append((2188, texts.TAIL_WITHHELD))
            reply.bars = [bar for bar in reply.bars if bar.time < newest]


class ExtendedHours(Scenario):
    """An underlying's trades also from 04:00 to the open and from the close to 20:00, as IB tells them for useRTH 0."""

    name = "extended-hours"

    def edit(self, entry: Request, reply: HistoryReply) -> None:
        """Add a small flat bar for every slot around the sessions told, as far as it was asked for and has begun."""
        stock = next((one for one in self.stage.market.stocks if one.con_id == entry.con_id), None)
        if stock is None or entry.use_rth or entry.what_to_show != "TRADES" or entry.start is None or entry.end is None:
            return
        until, told = min(entry.end, entry.received_at), list(reply.bars)
        for day in {local_date(bar.time) for bar in reply.bars}:
            hours = session(day, late_close=stock.late_close)
            if hours is None:
                continue
            prices = [bar.close for bar in reply.bars if local_date(bar.time) == day]
            for price, begins, ends in (
                (prices[0], epoch(day, 4), hours.open),
                (prices[-1], hours.close, epoch(day, 20)),
            ):
                slots = map(utc, range(begins, ends, SLOT_S))
                told += [
                    SimBar(at, price, price, price, price, Decimal(100), price, 1)
                    for at in slots
                    if entry.start <= at < until
                ]
        reply.bars = sorted(told)


class RevisedValues(Scenario):
    """Some bars of a day have other values from an instant on, as when IB corrects what it told before.

    Args:
        after_s: seconds from the start of the gateway until the correction is in force.
        day: the session concerned; None is the last one that has begun.
        share: of the bars of each series that change.
        what_to_show: only this series; None is all.
        seed: of the choice and of the new values.
    """

    name = "revised-values"
    heals = False

    def __init__(
        self,
        after_s: float = 60.0,
        day: date | None = None,
        share: float = 0.1,
        what_to_show: str | None = None,
        seed: int = 0,
    ) -> None:
        self._after_s, self._day, self._share, self._what_to_show = after_s, day, share, what_to_show
        self._seed = seed

    def bind(self, stage: Stage) -> None:
        """Announce the correction to the market, which applies it when its time has come."""
        super().bind(stage)
        now = stage.clock.now()
        day = self._day or session_on_or_before(local_date(now))
        at = now + timedelta(seconds=self._after_s)
        stage.market.revise(day, at, what_to_show=self._what_to_show, share=self._share, seed=self._seed)


class Malformed(Spoiled):
    """An answer that no client can decode: more bars announced than sent, or a wrong frame length.

    Args:
        hits: how many answers; so share and seed, see Spoiled.
        length: spoil the length of the frame, after which nothing on the connection makes sense any more.
    """

    name = "malformed-frame"

    def __init__(self, hits: int = 3, share: float = 0.2, seed: int = 0, *, length: bool = False) -> None:
        super().__init__(hits, share, seed=seed)
        self._length = length

    def garble(self, entry: Request, written: bytes) -> bytes:
        """Spoil the bytes on a hit."""
        if not self.hit(entry):
            return written
        if self._length:
            return struct.pack(">I", len(written) + (1 << 24)) + written[4:]
        fields = written[4:].split(b"\0")
        fields[4] = b"%d" % (int(fields[4]) + 3)
        body = b"\0".join(fields)
        return struct.pack(">I", len(body)) + body
