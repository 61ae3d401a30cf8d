"""Read earlier runs and the verdict of every slot.

What a report tells beyond the run itself: earlier runs of the same window, and the verdict of every slot.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.db.bookkeeping import schedule_state
from collector.db.connection.pool import Statements
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.instruments import OptionContract
from collector.domain.market_data.spans import Span
from collector.domain.reports.comparison import COMPARED_SESSIONS, PastRun
from collector.domain.reports.run_report import Expiring, GapCounts
from collector.domain.reports.week_report import WeekRun, WeekSymbol
from collector.domain.run_vocabulary import BUILT_IN, RunStatus, Verdict, Window

Verdicts = list[tuple[str, list[Verdict | None]]]
"""Per contract its expiration as a label, and one verdict a slot; by expiration, strike and right."""


async def past_runs(db: Statements, window: Window, *, before: date) -> list[PastRun]:
    """Return the last finished attempt at a window of each of the 20 sessions before a day, ascending."""
    rows = await db.fetch("past_runs_of_window", window.value, before, COMPARED_SESSIONS)
    return [
        PastRun(
            session=row["run_date"],
            status=RunStatus(row["status"]),
            reached=row["reached"],
            bars=row["bars"],
            contracts=row["contracts"],
            slots=row["slots"],
            duration_s=None if row["duration_seconds"] is None else float(row["duration_seconds"]),
            run_id=row["id"],
        )
        for row in reversed(rows)
    ]


async def verdicts(db: Statements, contracts: Sequence[OptionContract], span: Span) -> Verdicts:
    """Return what is known of every slot of a span for contracts, from their TRADES series."""
    data_set, ids = OPTION_BARS_5MIN, [contract.id for contract in contracts]
    rows = await db.fetch("slot_verdicts", data_set.id, data_set.bar_size, ids, span.start, span.end)
    by_id = {row["contract_id"]: row for row in rows}
    slots = list(data_set.slots(span))
    found: Verdicts = []
    for contract in sorted(contracts, key=lambda one: (one.expiration, one.strike, one.right)):
        row = by_id[contract.id]
        traded, settled = set(row["traded"]), row["settled"]
        found.append(
            (
                str(contract.expiration),
                [
                    Verdict.TRADED if slot in traded else Verdict.NO_TRADE if slot in settled else Verdict.UNKNOWN
                    for slot in slots
                ],
            )
        )
    return found


async def chains_refreshed(db: Statements, since: datetime) -> tuple[tuple[tuple[str, datetime], ...], int]:
    """Return per symbol when its chain was last read, and how many contracts are new since an instant."""
    rows = await db.fetch("chains_refreshed", since)
    return tuple((row["symbol"], row["refreshed"]) for row in rows), sum(row["new"] for row in rows)


@dataclass(frozen=True, slots=True)
class WeekFigures:
    """What the tables know of a week."""

    runs: tuple[WeekRun, ...]
    missed: tuple[tuple[date, Window], ...]
    symbols: tuple[WeekSymbol, ...]
    gaps: GapCounts
    expiring: Expiring
    requests: int
    rate_limit_hits: int


async def week(
    db: Statements, first: date, last: date, span: Span, known: Collection[Window] = BUILT_IN
) -> WeekFigures:
    """Return what the tables know of known windows of the sessions between two days, and of gaps in a span."""
    runs = [row for row in await db.fetch("runs_of_week", first, last) if row["run_type"] in known]
    gaps = await db.fetchrow("gaps_of_week", span.start, span.end) or {}
    expiries = await db.fetchrow("expiries_of_week", first, last) or {}
    evidence = {row["symbol"]: row for row in await db.fetch("evidence_of_week", span.start, span.end)}
    ran = {(row["run_date"], Window(row["run_type"])) for row in runs}
    missed = {(day, window) for window, day, _ in await schedule_state.missed(db, first, known) if day <= last}
    return WeekFigures(
        runs=tuple(
            WeekRun(
                session=row["run_date"],
                window=Window(row["run_type"]),
                status=RunStatus(row["status"]),
                attempts=row["attempt"],
                failed=row["failed"],
                run_id=row["id"],
            )
            for row in runs
        ),
        missed=tuple(sorted(missed - ran)),
        symbols=tuple(
            WeekSymbol(**{**row, **evidence.get(row["symbol"], {})})
            for row in await db.fetch("symbols_of_week", first, last)
        ),
        gaps=GapCounts(**gaps),
        expiring=Expiring(**expiries),
        requests=sum(row["requests"] for row in runs),
        rate_limit_hits=sum(row["rate_limit_hits"] for row in runs),
    )
