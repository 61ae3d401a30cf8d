"""`collector coverage`: what counts as known."""

from typing import Annotated

import typer

from collector import upkeep
from collector.app import run_until_signalled
from collector.cli.options import ConfigOption, SymbolsOption, VerboseOption, opened, symbols_of
from collector.domain.errors import UsageError
from collector.pipeline.orders import day_of

app = typer.Typer(help="What counts as known, and making it be asked again.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What counts as known, and making it be asked again."""


@app.command()
def forget(
    session: Annotated[str, typer.Option("--session", help="The session's date, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Forget what is covered and settled of a session, so that it is asked for again; bars stay as they are.

    Contracts that have expired keep what is known of them: IB would not tell it again.

    Example: collector coverage forget --session 2026-11-20 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    day = day_of(session)
    if day is None:
        raise UsageError("--session is empty", "Write it as 2026-11-20.")
    count = run_until_signalled(upkeep.forget(settings, day, symbols_of(symbols), clock))
    typer.echo(
        f"{day}: {count:,} series will be asked for again; for instance by: collector run --window eod --date {day}"
    )
