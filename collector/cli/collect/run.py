"""`collector run`: one window, now; or whatever is due."""

from typing import Annotated

import typer

from collector.app import opening, reading
from collector.app.opening import run_until_signalled
from collector.cli.options import (
    ConfigOption,
    DateOption,
    JsonOption,
    SymbolsOption,
    VerboseOption,
    day_of,
    opened,
    print_json,
    span_of,
    symbols_of,
    window_of,
)
from collector.domain.errors import UsageError
from collector.domain.run_vocabulary import Window
from collector.runs.orders import order_for


def run(
    context: typer.Context,
    window: Annotated[
        str | None, typer.Option("--window", "-w", help="morning, midday, eod, late_night, …", show_default="manual")
    ] = None,
    date: DateOption = None,
    symbols: SymbolsOption = None,
    span: Annotated[str | None, typer.Option("--span", help='Only the last "30 min", "3 h" or "1 D".')] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask again, also for what is settled.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="With --force: why, for the record (collector db actions).")
    ] = None,
    due: Annotated[bool, typer.Option("--due", help="Whatever the schedule says is due, in its order.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked; ask and change nothing.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Collect the missing bars of one window.

    Example: collector run --window eod --date 2026-11-20 --symbols SPY,TSLA
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    if reason is not None and not force:
        raise UsageError("--reason says why something is asked for again", "Give it with --force, or leave it out.")
    if due:
        if force or any(option is not None for option in (window, date, symbols, span)):
            raise UsageError(
                "--due runs what the schedule says, and takes no --window, --date, --symbols, --span or --force",
                "Leave --due out to run one window by hand.",
            )
        if not dry_run and not run_until_signalled(reading.is_anything_due(settings, clock)):
            if as_json:
                print_json([])
            return 0
    from collector.cli.collect import running  # noqa: PLC0415 - the timer finds nothing due, 280 times a day

    if due:
        return (running.show_due_plan if dry_run else running.run_due)(settings, clock, as_json=as_json)
    order = order_for(
        window_of(window or Window.MANUAL, settings),
        settings,
        opening.calendar(settings),
        clock.now(),
        day=day_of(date),
        symbols=symbols_of(symbols),
        span=span_of(span),
        force=force,
    )
    if dry_run:
        return running.show_order_plan(settings, order, clock, as_json=as_json)
    if force:
        return running.run_forced(context, settings, order, clock, reason, as_json=as_json)
    return running.run_order(settings, order, clock, as_json=as_json)
