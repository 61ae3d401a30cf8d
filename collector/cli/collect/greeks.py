"""`collector greeks`: implied volatilities and Greeks of stored bars."""

from typing import Annotated

import typer

from collector.app import maintenance
from collector.app.acting import told
from collector.app.opening import run_until_signalled
from collector.cli.options import ConfigOption, SymbolsOption, VerboseOption, day_of, opened, symbols_of
from collector.domain.errors import UsageError

app = typer.Typer(help="Recompute implied volatilities and Greeks.", no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Implied volatilities and Greeks of stored bars."""


@app.command()
def recompute(
    since: Annotated[str, typer.Option("--since", help="From this session on, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Recompute implied volatilities and Greeks, for instance after rates or dividends have changed.

    Example: collector greeks recompute --since 2026-11-16 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    day = day_of(since)
    if day is None:
        raise UsageError("--since is empty", "Write it as 2026-11-20.")
    tally = run_until_signalled(maintenance.recompute_greeks(settings, symbols_of(symbols), day, clock))
    typer.echo(told.recomputed(tally))
    for reason, bars in tally.reasons.most_common():
        typer.echo(f"{bars:>12,}  {reason.name.lower().replace('_', ' ')}")
