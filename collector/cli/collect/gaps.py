"""`collector gaps`: what is missing, and getting it."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import opening, reading
from collector.cli.exits import Exit
from collector.cli.inspect.status import not_counted
from collector.cli.options import (
    ConfigOption,
    JsonOption,
    SymbolsOption,
    VerboseOption,
    day_of,
    opened,
    print_json,
    symbols_of,
)
from collector.domain.run_vocabulary import GapState
from collector.runs.orders import fill_order

app = typer.Typer(invoke_without_command=True, add_completion=False)

SinceOption = Annotated[str | None, typer.Option("--since", help="From this session on, YYYY-MM-DD.")]


@app.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    since: SinceOption = None,
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lost: Annotated[bool, typer.Option("--lost", help="What can never be fetched again, and why.")] = False,
) -> int:
    """List the open gaps, or fill them.

    Example: collector gaps --since 2026-11-16 --json
    """
    if context.invoked_subcommand is not None:
        return Exit.SUCCESS
    settings, clock = opened(config)
    state = GapState.LOST if lost else GapState.OPEN
    found, uncounted = opening.run_until_signalled(
        reading.listed_gaps(settings, day_of(since), symbols_of(symbols), clock, state)
    )
    if uncounted:
        typer.echo(not_counted(uncounted), err=True)
    if as_json:
        print_json([asdict(gap) for gap in found])
        return Exit.SUCCESS
    table = Table("symbol", "contract or kind of bars", "series", "from UTC", "until UTC", "why")
    for gap in found[:_SHOWN]:
        start, end = f"{gap.span.start:%Y-%m-%d %H:%M}", f"{gap.span.end:%Y-%m-%d %H:%M}"
        table.add_row(
            gap.symbol, gap.contract_symbol or gap.data_set, gap.what_to_show, start, end, gap.reason or gap.gap_type
        )
    console = Console()
    console.print(table if found else f"no {state} gaps")
    if len(found) > _SHOWN:
        console.print(f"… and {len(found) - _SHOWN:,} more; all of them with --json")
    return Exit.SUCCESS


_SHOWN = 50


@app.command()
def fill(
    since: SinceOption = None,
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> int:
    """Ask IB for every slot that is missing, however old the session; what IB forgets is lost after two such nights.

    Example: collector gaps fill --since 2026-11-16 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    order = fill_order(settings, opening.calendar(settings), clock.now(), day_of(since), symbols_of(symbols))
    from collector.cli.collect.running import run_order  # noqa: PLC0415 - the list of gaps needs nothing of a run

    return run_order(settings, order, clock)
