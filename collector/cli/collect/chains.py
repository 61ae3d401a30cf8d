"""`collector chains`: which contracts exist."""

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import composition, opening, reading
from collector.app.acting import told
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, JsonOption, SymbolsOption, VerboseOption, opened, print_json, symbols_of

app = typer.Typer(help="List option contracts, or read the chains again.", no_args_is_help=True, add_completion=False)


@app.command()
def refresh(symbols: SymbolsOption = None, config: ConfigOption = None, verbose: VerboseOption = False) -> int:
    """Read the chains from IB again and store what is new.

    Example: collector chains refresh --symbols SPY
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    found = opening.run_until_signalled(composition.refresh_chains(settings, symbols_of(symbols), clock))
    read, failed = told.refreshed(found)
    for line in read:
        typer.echo(line)
    for line in failed:
        typer.secho(line, err=True, fg="red")
    return Exit.PARTIAL if failed else Exit.SUCCESS


@app.command("list")
def list_(
    symbols: SymbolsOption = None,
    contracts: Annotated[bool, typer.Option("--contracts", help="Every contract, not only the expirations.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the known expirations, or every contract, from the database.

    Example: collector chains list --symbols TSLA --contracts
    """
    settings, clock = opened(config)
    listed = opening.run_until_signalled(reading.listed(settings, symbols_of(symbols), clock))
    if as_json:
        print_json([{"contract": c.occ_symbol, "id": c.id, "expiration": c.expiration} for c in listed])
    elif contracts:
        typer.echo("\n".join(f"{c.occ_symbol}  {c.id}" for c in listed))
    else:
        table = Table("symbol", "expiration", "contracts", "strikes")
        strikes = Counter((c.symbol, c.expiration) for c in listed if c.right.value == "C")
        for (symbol, expiration), count in sorted(Counter((c.symbol, c.expiration) for c in listed).items()):
            table.add_row(symbol, str(expiration), f"{count:,}", f"{strikes[symbol, expiration]:,}")
        Console().print(table)
    return Exit.SUCCESS
