"""The page of gaps."""

from dataclasses import dataclass
from datetime import date

from collector.app import reading
from collector.db.bookkeeping import gaps_table
from collector.db.bookkeeping.gaps_table import Gap, GapGroup, GapTotal
from collector.domain.run_vocabulary import GapState
from collector.runs.uncounted import uncounted
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_GROUPS = 200
_SINGLE = 100
_LAST_PAGE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Gaps of a state, in groups and one by one.

    symbol, since, day: what the list is narrowed down to; `day` narrows the single ones only. totals: by state.
    groups: the latest session first; of so many in all: of_groups. gaps: a page of the single ones, those of the
    contract that expires first first. next_page: its number, None on the last one. uncounted: runs after which gaps
    have not been counted yet.
    """

    state: GapState
    symbol: str | None
    since: date | None
    day: date | None
    totals: dict[GapState, GapTotal]
    groups: tuple[GapGroup, ...]
    of_groups: int
    gaps: tuple[Gap, ...]
    page: int
    next_page: int | None
    uncounted: tuple[int, ...]


async def _answer(context: Context, asked: Asked) -> Gaps:
    state = GapState(asking.choice(asked, "state", tuple(GapState), GapState.OPEN))
    symbol, since, day = asking.symbol(asked), asking.day(asked, "since"), asking.day(asked, "day")
    page = asking.number(asked, "page", 1, _LAST_PAGE) or 1
    symbols, start = ([symbol] if symbol else None), asking.start_of(since)
    async with context.reading() as db:
        await reading.known(db, symbols or (), ())
        totals = await gaps_table.totals(db, symbols, start)
        groups, of_groups = await gaps_table.groups(db, symbols, start, state, _GROUPS)
        skipped = (page - 1) * _SINGLE
        single = await gaps_table.open_gaps(db, symbols, start, state, day=day, skipped=skipped, most=_SINGLE + 1)
        late = await uncounted(db, context.now)
    return Gaps(
        state=state,
        symbol=symbol,
        since=since,
        day=day,
        totals=totals,
        groups=tuple(groups),
        of_groups=of_groups,
        gaps=tuple(single[:_SINGLE]),
        page=page,
        next_page=page + 1 if len(single) > _SINGLE else None,
        uncounted=late,
    )


PAGE = Page(
    path="/gaps",
    title=lambda found: {GapState.OPEN: "Open gaps", GapState.LOST: "Lost gaps", GapState.FILLED: "Filled gaps"}[
        found.state
    ],
    what="What is missing, was filled or is lost for good, and why.",
    model=Gaps,
    answer=_answer,
    template="records/gaps.html.j2",
    parameters=(
        Parameter("state", f"which: {', '.join(GapState)}", "open"),
        Parameter("symbol", "only of this underlying and its contracts", "SPY"),
        Parameter("since", "only from this session on", "2026-11-20"),
        Parameter("day", "single gaps of this session only", "2026-11-20"),
        Parameter("page", "which page of the single gaps", "1"),
    ),
)
