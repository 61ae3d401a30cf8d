"""`collector status`: show how a session stands."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import reading
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, DateOption, JsonOption, day_of, opened, print_json
from collector.db.bars.quality_checks import RecordedQuality
from collector.db.bookkeeping.gaps_table import GapTotal
from collector.db.readers.day_status import Overview
from collector.domain.run_vocabulary import GapState, RunStatus
from collector.notify.reports import wording

_COLOURS = {
    RunStatus.SUCCESS: "green",
    RunStatus.PARTIAL: "yellow",
    RunStatus.RUNNING: "blue",
    RunStatus.FAILED: "red",
    RunStatus.INTERRUPTED: "red",
}


HALF_MOVED = (
    "the upgrade of the database is not finished: until the bars of a day have been moved, its slots are counted as "
    "unknown here; run: collector db upgrade"
)
"""Said where figures are of the bars that have moved alone."""


def status(
    date: DateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    logs: Annotated[bool, typer.Option("--logs", help="Name the log files.")] = False,
) -> int:
    """Show a session: its runs, what each symbol has and lacks.

    Example: collector status --date 2026-11-20 --json
    """
    settings, clock = opened(config)
    if logs:
        typer.echo("\n".join(str(path) for path in sorted(settings.log.path.glob("*.jsonl*"))))
        return Exit.SUCCESS
    overview = run_until_signalled(reading.overview(settings, day_of(date), clock))
    storage = run_until_signalled(reading.storage(settings, clock))
    if as_json:
        print_json(document(overview) | {"storage": asdict(storage)})
    else:
        show(overview, Console())
        for label, words in wording.storage(storage):
            typer.echo(f"{label.lower()}: {words}")
    return Exit.SUCCESS


def document(overview: Overview) -> dict[str, object]:
    """Return the status as JSON holds it; completeness, fill, rates and coverages are fractions of 1."""
    fractions = {
        one.symbol: {"completeness": one.measured.completeness, "fill": one.measured.fill} for one in overview.symbols
    }
    quality = {one.symbol: None if one.quality is None else asdict(one.quality) for one in overview.symbols}
    return {
        "session": overview.day,
        "runs": [asdict(run) for run in overview.runs],
        "symbols": [
            {
                "symbol": one.symbol,
                **fractions[one.symbol],
                **asdict(one.measured),
                "quality": quality[one.symbol],
                "gaps": _totals(one.gaps),
                "underlying_bars": {name: asdict(own) for name, own in one.own.items()},
            }
            for one in overview.symbols
        ],
        "implausible": [asdict(one) for one in overview.implausible],
        "gaps": _totals(overview.gaps),
        "uncounted_runs": overview.uncounted,
        "unfinished_upgrade": HALF_MOVED if overview.half_moved else None,
        "dead_letters": overview.dead_letters,
        "at_work": overview.lock_holder,
        "database_bytes": overview.database_bytes,
        "read_from": overview.read_from,
    }


def _totals(gaps: Mapping[GapState, GapTotal]) -> dict[str, object]:
    return {state.value: asdict(total) for state, total in gaps.items()}


def not_counted(run_ids: Sequence[int]) -> str:
    """Return the sentence that says that gaps and statistics are older than the bars."""
    which = f"run {run_ids[0]} was" if len(run_ids) == 1 else f"runs {', '.join(map(str, run_ids))} were"
    return (
        f"{which} cut off before what came was counted: gaps and statistics are older than the bars. The next run "
        "counts, or now: collector run --window gap_check"
    )


def show(overview: Overview, console: Console) -> None:
    """Print the status as tables."""
    runs = Table("run", "window", "try", "status", "UTC", "contracts", "new/changed/same", "errors")
    for run in overview.runs:
        runs.add_row(
            str(run.id),
            run.window,
            str(run.attempt),
            f"[{_COLOURS[run.status]}]{run.status}[/]",
            f"{run.started_at:%H:%M}",
            f"{run.contracts_successful:,}/{run.contracts_requested:,}",
            f"{run.bars_inserted:,}/{run.bars_updated:,}/{run.bars_identical:,}",
            f"{run.errors:,}",
        )
    witnessed = any(one.measured.awaiting or one.measured.single_witness for one in overview.symbols)
    more = ("awaiting", "single-witness") if witnessed else ()
    symbols = Table(
        "symbol", "settled", "complete", *more, "fill", "traded", "no trade", "unknown", "open", "lost", "rows"
    )
    for one in overview.symbols:
        held = one.measured
        symbols.add_row(
            one.symbol,
            f"{held.contracts_settled:,}/{held.contracts:,}",
            wording.percent(held.completeness),
            *((f"{held.awaiting:,}", f"{held.single_witness:,}") if witnessed else ()),
            wording.percent(held.fill),
            f"{held.traded:,}",
            f"{held.no_trade:,}",
            _red(held.unknown),
            *(_red(one.gaps[state].slots) for state in (GapState.OPEN, GapState.LOST)),
            f"{held.rows:,}",
        )
    own_bars = _own_bars(overview)
    worth = Table("symbol", "rows/contract", "with quotes", "with IV", "flagged", "quarantined", "errors")
    for one in overview.symbols:
        if one.quality is not None:
            worth.add_row(one.symbol, *_worth(one.quality))
    console.print(f"session {overview.day:%A %Y-%m-%d}", highlight=False)
    if overview.implausible:
        console.print(wording.distrust(overview.implausible), style="bold red", highlight=False)
    console.print(runs if overview.runs else "no run yet for this session")
    if overview.runs:
        console.print("new/changed/same: bars of options and of underlyings; rows below: option bars", style="dim")
    console.print(symbols if overview.symbols else "nothing is collected yet")
    if own_bars.row_count:
        console.print(own_bars)
    if worth.row_count:
        console.print(worth)
    gaps = ", ".join(f"{total.gaps:,} {state}" for state, total in overview.gaps.items())
    at_work = f" · at work: {overview.lock_holder}" if overview.lock_holder else ""
    size = overview.database_bytes / 1e6
    _show_reservations(overview, console)
    console.print(f"gaps: {gaps} · dead letters: {overview.dead_letters:,} · database {size:,.0f} MB{at_work}")


def _show_reservations(overview: Overview, console: Console) -> None:
    """Print what keeps the figures from being those of this moment."""
    if overview.read_from:
        console.print(f"read from database.read_url: {overview.read_from}", highlight=False)
    if overview.half_moved:
        console.print(HALF_MOVED, style="yellow", highlight=False)
    if overview.uncounted:
        console.print(f"[yellow]{not_counted(overview.uncounted)}[/yellow]")


def _own_bars(overview: Overview) -> Table:
    table = Table("symbol", "bars of the underlying", "settled", "complete")
    for one in overview.symbols:
        for name, own in one.own.items():
            table.add_row(
                one.symbol, name, f"{own.settled:,}/{own.expected:,}", wording.percent(own.settled / own.expected)
            )
    return table


def _red(count: int) -> str:
    return f"[red]{count:,}[/red]" if count else "0"


def _worth(found: RecordedQuality) -> tuple[str, ...]:
    quarantined = "–" if found.quarantined is None else f"{found.quarantined:,}"
    return (
        "–" if found.bars_per_contract is None else f"{found.bars_per_contract:,.1f}",
        wording.percent(found.quote_coverage),
        wording.percent(found.iv_coverage),
        "–" if found.flagged is None else f"{found.flagged:,}",
        f"[red]{quarantined}[/red]" if found.quarantined else quarantined,
        "–" if found.error_rate is None else f"{100 * found.error_rate:.1f} %",
    )
