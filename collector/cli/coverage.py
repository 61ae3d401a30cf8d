"""`collector coverage`: what counts as known."""

from datetime import date
from typing import Annotated

import typer

from collector import upkeep
from collector.app import run_until_signalled
from collector.cli.options import ConfigOption, SymbolsOption, VerboseOption, opened, symbols_of
from collector.domain.errors import UsageError
from collector.pipeline.orders import day_of

app = typer.Typer(help="What counts as known: making it be asked again, or accepting it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What counts as known: making it be asked again, or accepting it."""


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
    day = _session(session)
    count = run_until_signalled(upkeep.forget(settings, day, symbols_of(symbols), clock))
    typer.echo(
        f"{day}: {count:,} series will be asked for again; for instance by: collector run --window eod --date {day}"
    )


@app.command()
def accept(
    session: Annotated[str, typer.Option("--session", help="The session's date, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Accept a session as empty as it looks: for a market that really was so, a halt for instance. Asks IB nothing.

    What controlled answers called empty settles at once, but for what still awaits its second answer.

    Example: collector coverage accept --session 2026-11-20 --symbols PLTR
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    day = _session(session)
    found = run_until_signalled(upkeep.accept(settings, day, symbols_of(symbols), clock))
    typer.echo(
        f"{day} is accepted as empty as it looks: {found.settled + found.single_witness:,} empty series settled, "
        f"{found.single_witness:,} of them on one witness; {found.awaiting:,} await confirmation"
    )


def _session(text: str) -> date:
    day = day_of(text)
    if day is None:
        raise UsageError("--session is empty", "Write it as 2026-11-20.")
    return day
