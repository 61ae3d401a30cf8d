"""`collector plan`: show what a run would ask for.

`collector plan`: what a run would ask for, how long it would take, what would be left over.
"""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import planning
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import (
    ConfigOption,
    JsonOption,
    SymbolsOption,
    day_of,
    opened,
    print_json,
    span_of,
    symbols_of,
    window_of,
)
from collector.runs.planning import plan_words
from collector.runs.planning.dry_run import Plan, to_document


def plan(
    window: Annotated[
        str | None, typer.Option("--window", "-w", help="Its next run; without it the next one that asks for bars.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help="Of this session, YYYY-MM-DD; also a coming one.")] = None,
    symbols: SymbolsOption = None,
    span: Annotated[str | None, typer.Option("--span", help='Only the last "30 min", "3 h" or "1 D".')] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what the next run would ask for, and how long it would take.

    Nothing is asked from IB and nothing changes. A run that is not due yet is planned for the instant at which it is.

    Example: collector plan --window eod --json
    """
    settings, clock = opened(config)
    wanted = None if window is None else window_of(window, settings)
    work = planning.plan(settings, clock, wanted, day_of(date), symbols_of(symbols), span_of(span))
    return show_plan(run_until_signalled(work), as_json=as_json)


def show_plan(found: Plan, *, as_json: bool) -> int:
    """Print a plan, as a table or as JSON."""
    if as_json:
        print_json(to_document(found))
    else:
        _show(found, Console())
    return Exit.SUCCESS


def _show(found: Plan, console: Console) -> None:
    console.print(plan_words.heading(found), highlight=False)
    requests = plan_words.table(found)
    console.print("nothing would be asked for" if requests is None else _table(requests))
    for one in plan_words.sentences(found):
        console.print(one.text, style="red" if one.bad else None, markup=False, highlight=False)


def _table(requests: plan_words.PlanTable) -> Table:
    table = Table(*requests.columns, title="most urgent first")
    for column in table.columns[requests.words :]:
        column.justify = "right"
    for symbol, expiration, *numbers in requests.rows:
        expires = expiration.endswith(" expires")
        table.add_row(symbol, f"[bold]{expiration}[/bold]" if expires else expiration, *numbers)
    table.add_section()
    table.add_row(*requests.totals)
    return table
