"""Find the answers that brought a stored value.

What is kept of an answer is a checksum of its bars that does not depend on their order. An answer brought a value if
its checksum is that of what is stored in its span, the value among it. Slots may have been filled since by others, and
settled values replaced, so that the state is also looked at without a few bars, and as it was before each revision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from collector.db.connection.pool import Row, Statements
from collector.db.readers import bar_records
from collector.db.readers.bar_records import Asked, Numbers
from collector.domain.market_data import checksums
from collector.domain.market_data.answers import Outcome
from collector.domain.market_data.data_sets import DataSet
from collector.domain.market_data.instruments import Instrument, WhatToShow
from collector.domain.market_data.spans import Span


class Proof(StrEnum):
    """How far it is known which request brought a value."""

    CHECKSUM = "checksum"
    """The answer's checksum is that of what is stored."""
    RECORD = "record"
    """The request was the last one before the row was written; answers had no checksum then."""
    NONE = "none"
    """No request on record explains the value."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Which request brought a value.

    first: the first request whose answer held it. last: the last one. answers: how many did. candidates: answers with
    bars that were asked for the slot.
    """

    proof: Proof
    first: Asked | None = None
    last: Asked | None = None
    answers: int = 0
    candidates: int = 0


@dataclass(slots=True)
class Answers:
    """The answers that one series of an instrument had for a slot."""

    db: Statements
    instrument: Instrument
    data_set: DataSet
    what: WhatToShow
    slot: datetime
    asked: Sequence[Asked]
    _rows: dict[Span, tuple[list[Row], list[Row]]] = field(default_factory=dict)

    async def brought(self, values: Sequence[tuple[Numbers, datetime]]) -> list[Brought]:
        """Return which requests brought the versions of a value.

        Args:
            values: the numbers, and when they were written at the latest.
        """
        found: dict[Numbers, list[Asked]] = {}
        with_bars = [one for one in self.asked if one.outcome == Outcome.BARS]
        checked = [one for one in with_bars if one.checksum is not None]
        for one in checked:
            held = await self._held(one)
            if held is not None:
                found.setdefault(held, []).append(one)
        return [self._of(found.get(value, []), with_bars, checked, written_at) for value, written_at in values]

    def _of(
        self, proved: Sequence[Asked], with_bars: Sequence[Asked], checked: Sequence[Asked], written_at: datetime
    ) -> Brought:
        if proved:
            return Brought(Proof.CHECKSUM, proved[0], proved[-1], len(proved), len(with_bars))
        reached = (one for one in with_bars if one.first_bar is not None and one.first_bar <= self.slot)
        earlier = [one for one in reached if one.answered_at is not None and one.answered_at <= written_at]
        if earlier and not checked:
            return Brought(Proof.RECORD, earlier[-1], earlier[-1], 1, len(with_bars))
        return Brought(Proof.NONE, candidates=len(with_bars))

    async def _held(self, one: Asked) -> Numbers | None:
        """Return the numbers of the slot that an answer held, None where that cannot be told, or it held none."""
        if one.span not in self._rows:
            self._rows[one.span] = (
                await bar_records.bars(self.db, self.instrument, self.data_set, one.span.start, one.span.end),
                await bar_records.revisions(self.db, self.instrument, self.data_set, one.span.start, one.span.end),
            )
        for state in self._states(*self._rows[one.span]):
            value = state.get(self.slot)
            if value is not None and one.checksum is not None and self._explains(state, one.checksum):
                return value
        return None

    def _states(self, bars: Sequence[Row], revisions: Sequence[Row]) -> Iterator[dict[datetime, Numbers]]:
        """Yield what is stored by slot, and then as it was before each of the transactions that replaced something."""
        state = dict(self._numbers(bars))
        yield state
        for place, row in enumerate(revisions):
            state.pop(row["time"], None)
            state.update(self._numbers([row]))
            following = revisions[place + 1] if place + 1 < len(revisions) else None
            if following is None or following["replaced_at"] != row["replaced_at"]:
                yield state

    def _numbers(self, rows: Sequence[Row]) -> Iterator[tuple[datetime, Numbers]]:
        for row in rows:
            own = bar_records.numbers(row, self.data_set, self.what)
            if own is not None:
                yield row["time"], own

    def _explains(self, state: Mapping[datetime, Numbers], checksum: int) -> bool:
        """Tell whether an answer held the slot's bar and the others of a state, but for some that came from elsewhere.

        Left out are one bar, two, or any that follow each other: what one answer lacks, another has brought.
        """
        times = sorted(state)
        each = [checksums.of_slot(time, state[time]) for time in times]
        excess = checksums.without(checksums.total(each), checksum)
        if excess == 0:
            return True
        own = times.index(self.slot)
        return _pair(each, own, excess) or any(_run(part, excess) for part in (each[:own], each[own + 1 :]))


def _pair(each: Sequence[int], own: int, excess: int) -> bool:
    """Tell whether two bars, neither of them one's own, have a checksum together."""
    seen: set[int] = set()
    for place, one in enumerate(each):
        if place != own:
            if checksums.without(excess, one) in seen:
                return True
            seen.add(one)
    return False


def _run(each: Sequence[int], excess: int) -> bool:
    """Tell whether bars that follow each other, one or more, have a checksum together."""
    total, before = 0, {0}
    for one in each:
        total = checksums.total((total, one))
        if checksums.without(total, excess) in before:
            return True
        before.add(total)
    return False
