"""`collector archive export`: copies of bars in other shapes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from collector.app import maintenance
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, opened
from collector.domain.errors import UsageError
from collector.notify.reports.wording import many


class Size(StrEnum):
    """Sizes of the bars of a single file."""

    FIVE_MINUTES = "5min"
    DAY = "day"


class Layout(StrEnum):
    """Layouts of other programs."""

    NAUTILUS = "nautilus"


def export(
    symbol: Annotated[str, typer.Option("--symbol", help="Whose options: SPY.")],
    single: Annotated[Path | None, typer.Option("--single", help="One Parquet file of all bars.")] = None,
    bars: Annotated[Size, typer.Option("--bars", help="Size of the single file's bars.")] = Size.FIVE_MINUTES,
    layout: Annotated[Layout | None, typer.Option("--layout", help="The layout of another program.")] = None,
    into: Annotated[Path | None, typer.Option("--into", help="The new folder of the layout's files.")] = None,
    config: ConfigOption = None,
) -> int:
    """Copy a symbol's option bars out of the archive: into one file, or as a catalogue of NautilusTrader.

    Only the archive is read, not the database. A single file has each contract's OCC symbol and terms beside its bars,
    sorted by contract and time; bars of a day are made of those of 5 minutes. docs/archive.md shows how to read both.

    Example: collector archive export --symbol SPY --single spy.parquet --bars day
    """
    name = symbol.strip().upper()
    if (single is None) == (layout is None):
        raise UsageError("name one of --single and --layout", "--single FILE, or --layout nautilus --into FOLDER")
    if (layout is None) != (into is None):
        raise UsageError("--layout and --into belong together", "--layout nautilus --into FOLDER")
    target = single or into
    if target is None or not target.absolute().parent.is_dir():
        raise UsageError(f"the folder of {target} is not there", "make it first, or name another one")
    settings, _ = opened(config)
    if single is not None:
        count = run_until_signalled(maintenance.export_single_file(settings, name, single.absolute(), bars.value))
        typer.echo(f"{single}: {many(count, 'bar')} of {name}'s options")
        return Exit.SUCCESS
    done = run_until_signalled(maintenance.export_catalogue(settings, name, target.absolute()))
    typer.echo(f"{target}: {many(done.bars, 'bar')} of {many(done.instruments, 'contract')} of {name}")
    if done.skipped:
        typer.echo(f"{many(done.skipped, 'quote')} left out: only the close is known")
    return Exit.SUCCESS
