"""`collector backfill`: fetch the history of living contracts."""

from typing import Annotated

import typer

from collector.app import opening
from collector.cli.collect.running import run_order
from collector.cli.options import (
    ConfigOption,
    SymbolsOption,
    VerboseOption,
    opened,
    symbols_of,
)
from collector.runs.orders import backfill_order, fill_columns_order


def backfill(
    days: Annotated[int, typer.Option("--days", min=1, max=120, help="How many calendar days back.")] = 60,
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    fill_columns: Annotated[
        bool,
        typer.Option("--fill-columns", help="Instead, ask once more for quotes that were stored by their close alone."),
    ] = False,
) -> int:
    """Fetch the history of the contracts that live today.

    Example: collector backfill --days 60 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    make = fill_columns_order if fill_columns else backfill_order
    order = make(settings, opening.calendar(settings), clock.now(), days, symbols_of(symbols))
    return run_order(settings, order, clock)
