"""`collector demo`: try the whole collector on one machine.

`collector demo`: the whole thing on one machine, in a minute, with nothing installed before.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from collector.app import demo as demonstration
from collector.app.opening import run_until_signalled
from collector.cli.collect.progress import run_progress
from collector.cli.exits import of_status


def demo(
    seed: Annotated[int, typer.Option("--seed", help="Of the simulated market.")] = 7,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep the database in this folder.")] = None,
) -> int:
    """Collect one simulated session into an embedded PostgreSQL.

    Example: collector demo --keep /tmp/collector-demo
    """
    console = Console()

    def show(what: object) -> None:
        console.print(what, soft_wrap=isinstance(what, str))  # a command to be copied stays in one line

    return of_status(run_until_signalled(demonstration.run(seed, keep, run_progress, show)))
