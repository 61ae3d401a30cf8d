"""Run windows, and show how they end."""

import typer
from rich.console import Console

from collector.app import composition, planning
from collector.app.acting.records import Ending
from collector.app.opening import run_until_signalled
from collector.cli.acts import on_record
from collector.cli.collect.plan import show_plan
from collector.cli.collect.progress import run_progress
from collector.cli.exits import of_error, of_status, worst
from collector.cli.options import print_json
from collector.cli.words import say
from collector.clock import Clock
from collector.config import Settings
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask
from collector.domain.reports.report_document import to_document
from collector.notify.channels.channel import told_nobody
from collector.notify.reports import wording
from collector.notify.reports.terminal_report import run_view
from collector.runs.orders import Order, command_of


def show_due_plan(settings: Settings, clock: Clock, *, as_json: bool) -> int:
    """Show what the next run that asks for bars would ask for."""
    return show_plan(run_until_signalled(planning.plan(settings, clock)), as_json=as_json)


def show_order_plan(settings: Settings, order: Order, clock: Clock, *, as_json: bool) -> int:
    """Show what an order would ask for that begins now."""
    return show_plan(run_until_signalled(planning.plan_of(settings, order, clock)), as_json=as_json)


def run_order(settings: Settings, order: Order, clock: Clock, *, as_json: bool = False) -> int:
    """Run one order by hand, and say when and how to confirm it."""
    with run_progress(order) as on_progress:
        outcome = run_until_signalled(composition.run_window(settings, order, clock, on_progress))
    return _shown(outcome, settings, order, as_json=as_json)


def run_forced(
    context: typer.Context, settings: Settings, order: Order, clock: Clock, reason: str | None, *, as_json: bool = False
) -> int:
    """Run an order that asks again for what is settled, on record as its person's act."""
    with run_progress(order) as on_progress:

        async def work(ending: Ending) -> composition.Outcome:
            outcome = await composition.run_window(settings, order, clock, on_progress)
            ending.run_id, ending.error = outcome.report.run_id, outcome.error
            return outcome

        outcome = on_record(context, settings, clock, reason, work)
    return _shown(outcome, settings, order, as_json=as_json)


def _shown(outcome: composition.Outcome, settings: Settings, order: Order, *, as_json: bool) -> int:
    code = show_outcome(outcome, settings, as_json=as_json)
    if outcome.report.confirm_at is not None and not as_json:
        when = wording.both_zones(outcome.report.confirm_at)
        typer.echo(f"Confirm from {when} with: {command_of(order)}\nThe schedule does it by itself.")
    return code


def run_due(settings: Settings, clock: Clock, *, as_json: bool) -> int:
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
    """Say on standard error what stopped a run, and that nobody could be told, if so; return the run's exit code."""
    code = of_status(outcome.report.status)
    if isinstance(outcome.error, CollectorError):
        say(outcome.error.message, outcome.error.hint)
        code = of_error(outcome.error)
    if failures := told_nobody(outcome.deliveries):
        why = "; ".join(f"{one.channel}: {one.detail}" for one in failures)
        say(f"nobody could be told how this run ended ({why})", "collector notify test tries every channel.")
    return code
