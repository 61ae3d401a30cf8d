"""Half-open spans of time, and sets of them.

PostgreSQL's tstzrange and tstzmultirange.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """[start, end), both aware; never empty.

    Raises:
        ValueError: a bound is naive, or start is not before end.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"span bounds must be aware: {self.start} .. {self.end}")
        if self.start >= self.end:
            raise ValueError(f"empty span: {self.start} .. {self.end}")

    @property
    def duration(self) -> timedelta:
        """Return end - start."""
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


class Spans:
    """An immutable set of instants as disjoint, ascending, non-adjacent spans."""

    __slots__ = ("spans",)
    spans: tuple[Span, ...]

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self.spans = _normalised(spans)

    @classmethod
    def of(cls, start: datetime, end: datetime) -> "Spans":
        """Return [start, end), empty when start is not before end."""
        return cls((Span(start, end),)) if start < end else cls()

    def __iter__(self) -> Iterator[Span]:
        return iter(self.spans)

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(self.spans)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"[{s.start.isoformat()}, {s.end.isoformat()})" for s in self.spans) + "}"

    def __contains__(self, instant: datetime) -> bool:
        return any(instant in span for span in self.spans)

    def __or__(self, other: "Spans") -> "Spans":
        return Spans((*self.spans, *other.spans))

    def __and__(self, other: "Spans") -> "Spans":
        found, one, two = [], 0, 0
        while one < len(self.spans) and two < len(other.spans):
            a, b = self.spans[one], other.spans[two]
            if a.start < b.end and b.start < a.end:
                found.append(Span(max(a.start, b.start), min(a.end, b.end)))
            if a.end < b.end:
                one += 1
            else:
                two += 1
        return Spans(found)

    def __sub__(self, other: "Spans") -> "Spans":
        left = list(self.spans)
        for hole in other.spans:
            left = [piece for span in left for piece in _cut(span, hole)]
        return Spans(left)

    @property
    def duration(self) -> timedelta:
        """Return the total length."""
        return sum((span.duration for span in self.spans), timedelta(0))

    @property
    def hull(self) -> Span:
        """Return the smallest single span that holds all.

        Raises:
            ValueError: the set is empty.
        """
        if not self.spans:
            raise ValueError("an empty set has no hull")
        return Span(self.spans[0].start, self.spans[-1].end)


def _normalised(spans: Iterable[Span]) -> tuple[Span, ...]:
    ordered = sorted(spans)
    merged = ordered[:1]
    for span in ordered[1:]:
        if span.start > merged[-1].end:
            merged.append(span)
        elif span.end > merged[-1].end:
            merged[-1] = Span(merged[-1].start, span.end)
    return tuple(merged)


def _cut(span: Span, hole: Span) -> Iterator[Span]:
    if hole.end <= span.start or span.end <= hole.start:
        yield span
        return
    if span.start < hole.start:
        yield Span(span.start, hole.start)
    if hole.end < span.end:
        yield Span(hole.end, span.end)
