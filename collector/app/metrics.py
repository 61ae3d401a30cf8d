"""Metrics in Prometheus's text format.

Metrics in Prometheus's text format: for a scrape, and for node-exporter's textfile collector.

Counters come from the run table, so that they go on counting from one process to the next.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import claims, session_statistics
from collector.db.bookkeeping import gaps_table as gap_store
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.connection.pool import Database
from collector.db.contracts import contract_tables
from collector.db.readers import day_status
from collector.db.readers.day_status import RunTotals
from collector.domain.errors import DatabaseError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.pacing.pace import BreakerState, Latency, Pace
from collector.domain.reports.run_report import RunReport
from collector.domain.run_vocabulary import GapState, RunStatus
from collector.market.calendar import Calendar
from collector.runs.uncounted import uncounted

_READABLE_BY_ALL = 0o644
"""node-exporter runs as another user."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the tables say. completeness: by symbol, of its last completed session, fraction of 1.

    uncounted: runs that were cut off before what they brought was counted among the gaps. awaiting: series that await a
    second empty answer, and sessions_awaiting the sessions that they are of. implausible: sessions that look emptier
    than they can be.
    """

    runs: tuple[RunTotals, ...]
    completeness: Mapping[str, float]
    gaps: Mapping[GapState, GapTotal]
    database_bytes: int
    uncounted: int = 0
    awaiting: int = 0
    sessions_awaiting: int = 0
    implausible: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What only a running process knows. connected: to the gateway. running: whether a window is at work."""

    connected: bool
    running: bool
    pace: Pace
    next_due: datetime | None = None


async def gather(db: Database, settings: Settings, calendar: Calendar, now: datetime) -> Figures:
    """Read the figures from the tables.

    Raises:
        DatabaseError: they cannot be read.
    """
    completeness = {}
    for underlying in await contract_tables.underlyings(db):
        session = calendar.last_completed(now, underlying.symbol)
        series = settings.series_for(underlying.symbol)
        measured = await session_statistics.measure(db, OPTION_BARS_5MIN, underlying.id, session, series)
        if measured.completeness is not None:
            completeness[underlying.symbol] = measured.completeness
    awaited = await claims.awaited(db)
    return Figures(
        runs=tuple(await day_status.run_totals(db)),
        completeness=completeness,
        gaps=await gap_store.totals(db),
        database_bytes=await day_status.database_bytes(db),
        uncounted=len(await uncounted(db, now)),
        awaiting=sum(one.claims for one in awaited),
        sessions_awaiting=len(awaited),
        implausible=len({one.session for one in await claims.implausible(db)}),
    )


def text(figures: Figures | None, now: datetime, *, last: RunReport | None = None, live: Live | None = None) -> str:
    """Return the metrics.

    Args:
        figures: what the tables say; None while the database cannot be reached.
        now: the instant, aware.
        last: the last run that asked for bars, for its latencies.
        live: what a running process knows; None for a run on its own.
    """
    lines = _Lines()
    lines.add("database_up", "gauge", "Whether the database answers.", [({}, float(figures is not None))])
    lines.add("written_timestamp_seconds", "gauge", "When these metrics were made.", [({}, now.timestamp())])
    if figures is not None:
        _tables(lines, figures)
    latency = None if last is None else last.latency
    if last is not None and latency is not None:
        _latency(lines, last, latency)
    if live is not None:
        _live(lines, live)
    return str(lines)


async def publish(
    opened: AbstractAsyncContextManager[Database],
    settings: Settings,
    calendar: Calendar,
    report: RunReport,
    clock: Clock,
) -> None:
    """Write the configured textfile, if one is configured, after a run; a failure is logged and hurts nobody.

    Args:
        opened: the database, not entered yet.
        settings: names the file.
        calendar: the exchange's.
        report: the run.
        clock: the time of the metrics.
    """
    if settings.serve.textfile is None:
        return
    figures = None
    try:
        async with opened as db:
            figures = await gather(db, settings, calendar, clock.now())
    except DatabaseError as error:
        log.warning("metrics_without_tables", error=error.message)
    try:
        write(settings.serve.textfile.expanduser(), text(figures, clock.now(), last=report))
    except OSError as refused:
        log.warning("metrics_not_written", error=str(refused))


def write(path: Path, content: str) -> None:
    """Write a textfile, whole or not at all: the collector may read at any moment.

    Raises:
        OSError: the folder is not there, or may not be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # the collector reads *.prom only
    try:
        draft.write_text(content, encoding="utf-8")
        draft.chmod(_READABLE_BY_ALL)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class _Lines:
    """Metric families in the order in which they are added."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(
        self, name: str, kind: str, meaning: str, samples: Iterable[tuple[Mapping[str, str], float]], suffix: str = ""
    ) -> None:
        """Add a family, or further samples of one when `kind` is empty."""
        if kind:
            self._lines += [f"# HELP collector_{name} {meaning}", f"# TYPE collector_{name} {kind}"]
        for labels, value in samples:
            inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            self._lines.append(f"collector_{name}{suffix}{{{inner}}} {_number(value)}".replace("{} ", " "))

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _tables(lines: _Lines, figures: Figures) -> None:
    ended = [one for one in figures.runs if one.status is not RunStatus.RUNNING]
    by_window = {one.window: [other for other in ended if other.window == one.window] for one in ended}

    def summed(pick: Callable[[RunTotals], int]) -> list[tuple[dict[str, str], float]]:
        return [({"window": window}, sum(map(pick, totals))) for window, totals in by_window.items()]

    lines.add(
        "runs_total",
        "counter",
        "Attempts at windows that have ended.",
        [({"window": one.window, "status": one.status.value}, one.runs) for one in ended],
    )
    kinds: tuple[tuple[str, Callable[[RunTotals], int]], ...] = (
        ("inserted", lambda one: one.inserted),
        ("updated", lambda one: one.updated),
        ("identical", lambda one: one.identical),
    )
    bars = [({**labels, "kind": kind}, value) for kind, pick in kinds for labels, value in summed(pick)]
    lines.add("bars_total", "counter", "Bars received, by what became of them.", bars)
    lines.add("requests_total", "counter", "Historical requests sent.", summed(lambda one: one.requests))
    lines.add("pacing_errors_total", "counter", "Pacing errors of IB.", summed(lambda one: one.rate_limit_hits))
    lines.add(
        "last_success_timestamp_seconds",
        "gauge",
        "When a window last ended in success.",
        [
            ({"window": one.window}, one.last_completed.timestamp())
            for one in ended
            if one.status is RunStatus.SUCCESS and one.last_completed is not None
        ],
    )
    lines.add(
        "completeness_ratio",
        "gauge",
        "Settled part of the expected slots of the last completed session.",
        [({"symbol": symbol}, value) for symbol, value in sorted(figures.completeness.items())],
    )
    total = figures.gaps.get(GapState.OPEN, GapTotal())
    lines.add("gaps_open", "gauge", "Open gaps.", [({}, total.gaps)])
    lines.add("gap_slots_open", "gauge", "Series-slots in open gaps.", [({}, total.slots)])
    lost = figures.gaps.get(GapState.LOST, GapTotal())
    lines.add("gaps_lost", "gauge", "Gaps that can never be filled.", [({}, lost.gaps)])
    lines.add("gap_slots_lost", "gauge", "Series-slots in lost gaps.", [({}, lost.slots)])
    lines.add("uncounted_runs", "gauge", "Runs cut off before their gaps were counted.", [({}, figures.uncounted)])
    for name, meaning, value in (
        ("series_awaiting", "Series of sessions that await a second empty answer.", figures.awaiting),
        ("sessions_awaiting", "Sessions of which something awaits a second empty answer.", figures.sessions_awaiting),
        ("sessions_implausible", "Sessions that look emptier than they can be.", figures.implausible),
    ):
        lines.add(name, "gauge", meaning, [({}, value)])
    lines.add("database_bytes", "gauge", "Size of the database.", [({}, figures.database_bytes)])


def _latency(lines: _Lines, last: RunReport, latency: Latency) -> None:
    name, labels = "request_latency_seconds", {"window": last.window.value}
    quantiles = (("0.5", latency.p50_s), ("0.9", latency.p90_s), ("0.99", latency.p99_s), ("1", latency.max_s))
    samples = [({**labels, "quantile": quantile}, value) for quantile, value in quantiles]
    lines.add(name, "gauge", "Seconds from a request to its answer, in the last run that asked for bars.", samples)


def _live(lines: _Lines, live: Live) -> None:
    pace = live.pace
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("gateway_connected", "Whether the gateway is connected.", float(live.connected)),
        ("run_active", "Whether a window is at work.", float(live.running)),
        ("pacer_limit", "Historical requests that may be open at once.", pace.limit),
        ("pacer_in_flight", "Historical requests that are open.", pace.in_flight),
        ("pacer_requests_per_second", "Historical requests finished a second.", pace.requests_per_s),
        ("pacer_latency_seconds", "Median seconds of the latest answers.", pace.latency_s),
        (
            "next_window_timestamp_seconds",
            "When the next window is due.",
            None if live.next_due is None else live.next_due.timestamp(),
        ),
    )
    for name, meaning, value in gauges:
        if value is not None:
            lines.add(name, "gauge", meaning, [({}, value)])
    states = [({"state": state.value}, float(state is pace.breaker)) for state in BreakerState]
    lines.add("gateway_breaker", "gauge", "1 for the state of the gateway's circuit breaker.", states)
    lines.add("pacer_pauses_total", "counter", "Global pauses after pacing errors.", [({}, pace.pauses)])
