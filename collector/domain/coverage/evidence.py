"""Judge when an empty answer is believed.

When an empty answer is believed: controls, second witnesses, plausible sessions (docs/evidence.md).

A *negative* is a series' answer without any bar in a session. An answer with bars settles its session by itself; a
negative settles only on controlled and, where it surprises, independent evidence.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.coverage.purge import is_another_night
from collector.domain.market_data.instruments import WhatToShow

CONTROL_WITHIN = timedelta(minutes=1)
"""An answer with bars of the same symbol and series must come so soon before a negative, and so soon after it."""
SECOND_AFTER = timedelta(minutes=30)
"""A second witness is sent so much later than the first: two answers out of one outage are one witness."""
_FAILED_BY = 2
"""A control has failed when so many instruments are empty where bars are known; one may have lost them by itself."""

EMPTY_SHARE = 0.05
"""Of a session's contracts so many may be wholly empty before there are other sessions to compare with."""
NEAR_SHARE = 0.01
"""Of a session's contracts near the money so many may be without any ASK bar."""
_LEAST = 2
"""Each bound is at least so many contracts: one quiet contract of ten is no outage."""
_COMPARED = 5
_ENOUGH = 3
"""With fewer plausible sessions than this there is nothing to compare with."""
_SAME_SHARE = 0.01
NIGHTS = 3
"""A share that so many nights find again is the market's."""


class Ruling(StrEnum):
    """What becomes of a claim: a negative that a controlled witness speaks for."""

    SETTLED = "settled"
    SINGLE_WITNESS = "single_witness"
    """Settled, by one witness: trades that nobody missed, bids where hardly anything could be bid."""
    AWAITING = "awaiting"
    """Lacks only the second witness."""
    HELD = "held"
    """The session is not plausible: covered, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptySession:
    """A session that looks emptier than it can be. symbol: "ALL" over all of them. words: what is missing."""

    symbol: str
    session: date
    words: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A series of a session that is called empty, with what speaks for and against it.

    what_to_show: the series. with_bars: the instrument's series that have a bar in the session. ask_above_bound: most
    ASK closes of the session are above what nobody bids for. traded_before: it traded in each of its last three settled
    sessions. neighbours_traded: both neighbouring strikes of its right traded in this session. first_sent_at: when the
    first controlled witness was sent, last_sent_at: the latest one. of_underlying: the series is an underlying's own.
    """

    what_to_show: WhatToShow
    first_sent_at: datetime
    last_sent_at: datetime
    with_bars: frozenset[WhatToShow] = frozenset()
    ask_above_bound: bool = False
    traded_before: bool = False
    neighbours_traded: bool = False
    of_underlying: bool = False

    @property
    def has_second_witness(self) -> bool:
        """Tell whether a witness was sent late enough to be independent of the first."""
        return self.last_sent_at - self.first_sent_at >= SECOND_AFTER

    @property
    def has_second_night(self) -> bool:
        """Tell whether witnesses of two nights speak for it: no other contract's bars make that session plausible."""
        return is_another_night(self.first_sent_at, self.last_sent_at)


def is_controlled(
    sent_at: datetime, answered_at: datetime, good: Sequence[datetime], dark: Sequence[tuple[datetime, int]] = ()
) -> bool:
    """Return whether the source was seen to give bars just before a negative and just after it.

    Args:
        sent_at: when the negative's request was sent.
        answered_at: when it was answered.
        good: when answers with bars of the same symbol and series came, ascending.
        dark: when instruments (ids) were empty where bars are known, ascending; two of them between the neighbouring
            good answers are an outage that this negative lies in.
    """
    after = bisect_left(good, answered_at)
    before = bisect_right(good, answered_at) - 1
    if before < 0 or after >= len(good):
        return False
    if good[before] < sent_at - CONTROL_WITHIN or good[after] > answered_at + CONTROL_WITHIN:
        return False
    empty = {instrument for at, instrument in dark if good[before] <= at <= good[after]}
    return len(empty) < _FAILED_BY


def is_surprise(claim: Claim, series: Sequence[WhatToShow]) -> bool:
    """Return whether a second witness must speak for a claim; `series` are the configured ones."""
    if claim.of_underlying or not claim.with_bars:
        return True
    trades = claim.what_to_show is WhatToShow.TRADES
    if trades and not any(what is not WhatToShow.TRADES for what in series):
        return True
    if trades:
        return claim.traded_before or claim.neighbours_traded
    if WhatToShow.TRADES in claim.with_bars or claim.what_to_show in claim.with_bars:
        return True
    return claim.ask_above_bound if claim.what_to_show is WhatToShow.BID else True


def ruling(claim: Claim, series: Sequence[WhatToShow], *, plausible: bool) -> Ruling:
    """Return what becomes of a claim whose session is plausible or not."""
    if not plausible:
        return Ruling.HELD
    if claim.has_second_witness:
        return Ruling.SETTLED
    return Ruling.AWAITING if is_surprise(claim, series) else Ruling.SINGLE_WITNESS


@dataclass(frozen=True, slots=True)
class Emptiness:
    """How empty a session is, of a symbol or of all: contracts, counted over every run so far.

    answered: selected on it, listed, and answered in every series. empty: of these, without any bar. near: answered in
    ASK and near the money; near_without_ask: of these, without any ASK bar. without_trades: of the answered ones.
    """

    answered: int = 0
    empty: int = 0
    near: int = 0
    near_without_ask: int = 0
    without_trades: int = 0

    def __add__(self, other: "Emptiness") -> "Emptiness":
        return Emptiness(
            self.answered + other.answered,
            self.empty + other.empty,
            self.near + other.near,
            self.near_without_ask + other.near_without_ask,
            self.without_trades + other.without_trades,
        )

    def share(self, *, quoted: bool) -> float:
        """Return the share that plausibility compares: of wholly empty contracts; without quotes, of untraded ones."""
        return (self.empty if quoted else self.without_trades) / self.answered if self.answered else 0.0

    def is_emptier(self, other: "Emptiness", *, quoted: bool) -> bool:
        """Return whether a share that a complaint can be about is higher than the other's, by more than a point."""
        mine, theirs = ((one.share(quoted=quoted), one.near_without_ask / max(one.near, 1)) for one in (self, other))
        return any(share - its > _SAME_SHARE for share, its in zip(mine, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at a session found: an implausible one says why; `nights` found its share, this one included."""

    emptiness: Emptiness
    implausible: str = ""
    nights: tuple[date, ...] = ()
    remark: str = ""

    @property
    def plausible(self) -> bool:
        """Tell whether negatives of the session may settle."""
        return not self.implausible

    def holds(self, expiration: date | None, now: datetime) -> str:
        """Return why the session holds a claim up, in words; empty when it does not.

        Later nights asked nothing of a contract that had expired: that they found the same says nothing of it.

        Args:
            expiration: the contract's, None for an underlying.
            now: the current instant.
        """
        passed = expiration is not None and expiration < now.astimezone(NEW_YORK).date()
        return self.implausible or (f"{self.remark}; this one had expired by then" if passed and self.nights else "")


def weighed(
    found: Emptiness,
    shares: Sequence[float],
    *,
    quoted: bool,
    night: date | None,
    before: tuple[Emptiness, Sequence[date]] | None = None,
    accepted: bool = False,
) -> Finding:
    """Judge whether a session can be as empty as it looks.

    Args:
        found: what was counted.
        shares: of the last plausible sessions (`Emptiness.share`), the latest first.
        quoted: a quote series is configured.
        night: the New York day on which the source last called something of the session empty, None: not since the
            last look, which therefore is no further witness.
        before: what the last look counted, and the nights that found the same.
        accepted: the owner has accepted the session, as empty as it was then.
    """
    words = _complaint(found, shares, quoted=quoted)
    if not words:
        return Finding(found)
    if accepted and before is not None and not found.is_emptier(before[0], quoted=quoted):
        return Finding(found, remark=f"{words}; accepted by its owner")
    nights: tuple[date, ...] = () if night is None else (night,)
    if before is not None and not (
        found.is_emptier(before[0], quoted=quoted) or before[0].is_emptier(found, quoted=quoted)
    ):
        nights = tuple(sorted({*before[1], *nights}))
    if len(nights) >= NIGHTS:
        return Finding(found, nights=nights, remark=f"{words}; accepted, for {len(nights)} nights found the same")
    return Finding(found, words, nights)


def _complaint(found: Emptiness, shares: Sequence[float], *, quoted: bool) -> str:
    """Return what is not plausible, in words; empty when everything is."""
    compared = shares[:_COMPARED]
    usual = 2 * median(compared) + 0.02 if len(compared) >= _ENOUGH else None
    if not quoted:
        if usual is None or found.without_trades <= max(_LEAST, usual * found.answered):
            return ""
        return f"{found.without_trades:,} of {found.answered:,} contracts have no trade, far more than usual"
    if found.empty > max(_LEAST, max(EMPTY_SHARE, usual or 0.0) * found.answered):
        return f"{found.empty:,} of {found.answered:,} contracts have no bar at all"
    if found.near_without_ask > max(_LEAST, NEAR_SHARE * found.near):
        return f"{found.near_without_ask:,} of {found.near:,} contracts near the money have no ASK bar"
    return ""
