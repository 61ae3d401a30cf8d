"""`collector run`: one window, now."""

from typing import Annotated

import typer
from rich.console import Console

from collector.app import composition, opening, planning
from collector.app.opening import run_until_signalled
from collector.cli.collect.plan import show_plan
from collector.cli.collect.progress import run_progress
from collector.cli.exits import of_error, of_status, worst
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
from collector.cli.words import say
from collector.clock import Clock
from collector.config import Settings
from collector.domain.errors import CollectorError, UsageError
from collector.domain.masking import Mask
from collector.domain.reports.report_document import to_document
from collector.domain.run_vocabulary import Window
from collector.jobs.run_reports import resume_command
from collector.notify.reports import wording
from collector.notify.reports.terminal_report import run_view
from collector.runs.orders import order_for


def run(
    window: Annotated[
        str | None, typer.Option("--window", "-w", help="morning, midday, eod, late_night, …", show_default="manual")
    ] = None,
    date: DateOption = None,
    symbols: SymbolsOption = None,
    span: Annotated[str | None, typer.Option("--span", help='The last so much: "30 min", "3 h", "1 D".')] = None,
    force: Annotated[bool, typer.Option("--force", help="Ask again, also for what is settled.")] = False,
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
    if due:
        if force or any(option is not None for option in (window, date, symbols, span)):
            raise UsageError(
                "--due runs what the schedule says, and takes no --window, --date, --symbols, --span or --force",
                "Leave --due out to run one window by hand.",
            )
        if dry_run:
            return show_plan(run_until_signalled(planning.plan(settings, clock)), as_json=as_json)
        return _run_due(settings, clock, as_json=as_json)
    order = order_for(
        window_of(window or Window.MANUAL),
        settings,
        opening.calendar(settings),
        clock.now(),
        day=day_of(date),
        symbols=symbols_of(symbols),
        span=span_of(span),
        force=force,
    )
    if dry_run:
        return show_plan(run_until_signalled(planning.plan_of(settings, order, clock)), as_json=as_json)
    with run_progress(order) as on_progress:
        outcome = run_until_signalled(composition.run_window(settings, order, clock, on_progress))
    code = show_outcome(outcome, settings, as_json=as_json)
    if outcome.report.confirm_at is not None and not as_json:
        when = wording.both_zones(outcome.report.confirm_at)
        typer.echo(f"Confirm from {when} with: {resume_command(order)}\nThe schedule does it by itself.")
    return code


def _run_due(settings: Settings, clock: Clock, *, as_json: bool) -> int:
    """Show each run as it ends; as JSON all of them at the end, in one list."""
    codes: list[int] = []
    documents: list[object] = []

    def ended(outcome: composition.Outcome) -> None:
        documents.append(to_document(outcome.report))
        codes.append(say_how(outcome) if as_json else show_outcome(outcome, settings))

    try:
        run_until_signalled(composition.run_due(settings, clock, run_progress, ended))
    finally:
        if as_json:
            print_json(documents)
    return worst(codes)


def show_outcome(outcome: composition.Outcome, settings: Settings, *, as_json: bool = False) -> int:
    """Print how a run ended and return the exit code that says it."""
    if as_json:
        print_json(to_document(outcome.report))
    else:
        Console().print(run_view(outcome.report, Mask(settings.secrets)))
    return say_how(outcome)


def say_how(outcome: composition.Outcome) -> int:
    """Say on standard error what stopped a run, if something did, and return its exit code."""
    if isinstance(outcome.error, CollectorError):
        say(outcome.error.message, outcome.error.hint)
        return of_error(outcome.error)
    return of_status(outcome.report.status)
