"""`collector coverage`: what counts as known."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import maintenance, reading
from collector.app.acting import told
from collector.app.acting.records import Ending
from collector.app.opening import run_until_signalled
from collector.cli.acts import ReasonOption, on_record
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
from collector.domain.errors import UsageError
from collector.runs.evidence.weighed import Weighed

app = typer.Typer(
    help="Show what counts as known and why; accept or forget a session.", no_args_is_help=True, add_completion=False
)


@app.callback()
def _group() -> None:
    """What counts as known: on what evidence, asking again, accepting."""


@app.command()
def forget(
    context: typer.Context,
    session: Annotated[str, typer.Option("--session", help="The session's date, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Forget what is covered and settled of a session, so that it is asked for again; bars stay as they are.

    Contracts that have expired keep what is known of them: IB would not tell it again.

    Example: collector coverage forget --session 2026-11-20 --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    day = _session(session)

    async def work(_: Ending) -> int:
        return await maintenance.forget(settings, day, symbols_of(symbols), clock)

    count = on_record(context, settings, clock, reason, work)
    typer.echo(told.forgotten(day, count))


@app.command()
def accept(
    context: typer.Context,
    session: Annotated[str, typer.Option("--session", help="The session's date, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Accept a session as empty as it looks: for a market that really was so, a halt for instance. Asks IB nothing.

    Settles at once what controlled answers called empty, except what still awaits a second answer.

    Example: collector coverage accept --session 2026-11-20 --symbols PLTR
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    day = _session(session)

    async def work(_: Ending) -> Weighed:
        return await maintenance.accept(settings, day, symbols_of(symbols), clock)

    found = on_record(context, settings, clock, reason, work)
    typer.echo(told.accepted(day, found))


@app.command("list")
def list_(
    session: Annotated[str, typer.Option("--session", help="The session's date, YYYY-MM-DD.")],
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a session's empty answers rest on: settled by one witness, awaiting a second one, or held, and why.

    Example: collector coverage list --session 2026-11-20 --symbols SPY
    """
    settings, clock = opened(config)
    day = _session(session)
    found = run_until_signalled(reading.witnessed(settings, day, symbols_of(symbols), clock))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table("symbol", "contract", "series", "state", "first asked, UTC", "run", "why")
    for one in found[:_SHOWN]:
        asked = "–" if one.first_sent_at is None else f"{one.first_sent_at:%Y-%m-%d %H:%M:%S}"
        run = "–" if one.first_run_id is None else str(one.first_run_id)
        state = one.state.replace("_", "-")
        table.add_row(one.symbol, one.contract_symbol or "–", one.what_to_show, state, asked, run, one.reason)
    console = Console()
    console.print(table if found else f"{day}: nothing rests on one witness, and nothing waits for another")
    if len(found) > _SHOWN:
        console.print(f"… and {len(found) - _SHOWN:,} more; all of them with --json")


_SHOWN = 50


def _session(text: str) -> date:
    day = day_of(text)
    if day is None:
        raise UsageError("--session is empty", "Write it as 2026-11-20.")
    return day
