"""`collector run`: one window, now."""

from typing import Annotated

import typer

from collector import app
from collector.cli.exits import of_error, of_status
from collector.cli.options import ConfigOption, DateOption, SymbolsOption, VerboseOption, opened, symbols_of, window_of
from collector.cli.progress import run_progress
from collector.cli.summary import print_plan, print_summary
from collector.domain.errors import CollectorError
from collector.pipeline.orders import day_of, order_for, span_of


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("run")(run)


def run(
    window: Annotated[
        str, typer.Option("--window", "-w", help="morning, midday, eod, late_night, manual, …")
    ] = "manual",
    date: DateOption = None,
    symbols: SymbolsOption = None,
    span: Annotated[str | None, typer.Option("--span", help='The last so much: "30 min", "3 h", "1 D".')] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask again, also for what is settled.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked; ask and change nothing.")
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Collect one window: its missing bars, from IB into the database.

    Example: collector run --window eod --date 2026-11-20 --symbols SPY,TSLA
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    order = order_for(
        window_of(window),
        settings,
        app.calendar(settings),
        clock.now(),
        day=day_of(date),
        symbols=symbols_of(symbols),
        span=span_of(span),
        force=force,
    )
    if dry_run:
        print_plan(app.run_until_signalled(app.plan(settings, order, clock)))
        return 0
    with run_progress(order) as on_progress:
        finished = app.run_until_signalled(app.run_window(settings, order, clock, on_progress))
    print_summary(finished)
    if isinstance(finished.error, CollectorError):
        typer.secho(f"collector: {finished.error.message}", err=True, fg="red")
        typer.secho(f"  {finished.error.hint}", err=True)
        return of_error(finished.error)
    return of_status(finished.status)
