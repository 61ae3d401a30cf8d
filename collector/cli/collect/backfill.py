"""`collector backfill`: fetch history of living contracts or underlyings."""

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
from collector.domain.errors import UsageError
from collector.runs.orders import backfill_order, fill_columns_order, history_of

_MOST_DAYS = 120
"""Longer than IB remembers bars of options."""


def backfill(
    days: Annotated[int, typer.Option("--days", min=1, max=7300, help="How many calendar days back.")] = 60,
    data_set: Annotated[
        str | None,
        typer.Option("--data-set", help="Instead, an underlying's own bars: underlying_bars_1day, back to 2016."),
    ] = None,
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    fill_columns: Annotated[
        bool,
        typer.Option("--fill-columns", help="Instead, ask once more for quotes that were stored by their close alone."),
    ] = False,
) -> int:
    """Fetch the history of living contracts, or of underlyings.

    Example: collector backfill --days 60 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    own = None if data_set is None else history_of(data_set, settings)
    if own is not None and fill_columns:
        raise UsageError("--fill-columns is about options", "Leave out --data-set.")
    if own is None and days > _MOST_DAYS:
        raise UsageError(f"IB does not remember bars of options for {days} days", f"--days up to {_MOST_DAYS}.")
    calendar, chosen = opening.calendar(settings), symbols_of(symbols)
    if fill_columns:
        order = fill_columns_order(settings, calendar, clock.now(), days, chosen)
    else:
        order = backfill_order(settings, calendar, clock.now(), days, chosen, own)
    return run_order(settings, order, clock)
