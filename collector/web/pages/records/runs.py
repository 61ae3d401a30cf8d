"""The page of runs."""

from dataclasses import dataclass
from datetime import date

from collector.db.readers import day_status
from collector.db.readers.day_status import RunRow
from collector.domain.run_vocabulary import RunStatus
from collector.web import asking
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Attempts at windows, the last one first.

    window, status, symbol, day: what the list is narrowed down to. windows, statuses: what can be chosen. next_before:
    `before` of the next page, None on the last one.
    """

    runs: tuple[RunRow, ...]
    window: str
    status: str
    symbol: str | None
    day: date | None
    windows: tuple[str, ...]
    statuses: tuple[RunStatus, ...]
    next_before: int | None


async def _answer(context: Context, asked: Asked) -> Runs:
    windows, statuses = tuple(sorted(context.settings.windows.known)), tuple(RunStatus)
    window = asking.choice(asked, "window", windows)
    status = asking.choice(asked, "status", statuses)
    symbol, day = asking.symbol(asked), asking.day(asked, "day")
    async with context.reading() as db:
        found = await day_status.latest_runs(
            db,
            _MOST + 1,
            before=asking.number(asked, "before"),
            run_window=window or None,
            status=RunStatus(status) if status else None,
            symbol=symbol,
            day=day,
        )
    shown = found[:_MOST]
    return Runs(
        runs=tuple(shown),
        window=window,
        status=status,
        symbol=symbol,
        day=day,
        windows=windows,
        statuses=statuses,
        next_before=shown[-1].id if len(found) > _MOST else None,
    )


PAGE = Page(
    path="/runs",
    title="Runs",
    what="Every attempt at a window, the last one first.",
    model=Runs,
    answer=_answer,
    template="records/runs.html.j2",
    parameters=(
        Parameter("before", "only runs before this one", "100"),
        Parameter("window", "only of this window", "eod"),
        Parameter("status", f"only those that ended so: {', '.join(RunStatus)}", "success"),
        Parameter("symbol", "only those that were to collect it", "SPY"),
        Parameter("day", "only of this session", "2026-11-20"),
    ),
)
