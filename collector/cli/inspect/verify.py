"""`collector verify`: check stored bars against the rules."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import maintenance
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, JsonOption, SymbolsOption, day_of, opened, print_json, symbols_of


def verify(
    since: Annotated[str | None, typer.Option("--since", help="From this session on; default the last one.")] = None,
    symbols: SymbolsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check stored bars, coverage and put-call parity.

    Example: collector verify --since 2026-11-16 --symbols SPY
    """
    settings, clock = opened(config)
    found = run_until_signalled(maintenance.verify(settings, symbols_of(symbols), day_of(since), clock))
    if as_json:
        print_json([{**asdict(one), "sound": one.sound} for one in found])
    else:
        table = Table("symbol", "session", "", "rules broken", "pairs", "off parity")
        for one in found:
            mark = "[green]sound[/green]" if one.sound else "[red]doubtful[/red]"
            broken = "; ".join(f"{rule.rule}: {rule.bars:,}, {rule.example}" for rule in one.broken[:3])
            table.add_row(one.symbol, str(one.day), mark, broken, f"{one.pairs:,}", f"{one.off_parity:,}")
        Console().print(table if found else "no session to verify")
    return Exit.SUCCESS if all(one.sound for one in found) else Exit.PARTIAL
