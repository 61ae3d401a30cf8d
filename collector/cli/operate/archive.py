"""`collector archive`: bars as Parquet files."""

import re
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from collector.app import maintenance
from collector.app.acting import told
from collector.app.acting.records import Ending
from collector.app.opening import run_until_signalled
from collector.cli.acts import ReasonOption, on_record
from collector.cli.exits import Exit
from collector.cli.operate import archive_export, archive_verify
from collector.cli.operate.database import retention_words
from collector.cli.options import (
    ConfigOption,
    JsonOption,
    VerboseOption,
    day_of,
    opened,
    print_json,
    symbols_of,
)
from collector.cli.words import say
from collector.db.upkeep.retention import OldPartition
from collector.notify.reports.wording import many

if TYPE_CHECKING:
    from collector.jobs.archive_pass import Planned, Problem, Written
    from collector.jobs.archiving.restoring import Restored

app = typer.Typer(invoke_without_command=True, add_completion=False)
app.command()(archive_verify.verify)
app.command()(archive_export.export)

SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only these, separated by commas: SPY,TSLA.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="Only from this session on, YYYY-MM-DD.")]


@app.callback()
def archive(
    context: typer.Context,
    symbol: SymbolOption = None,
    since: SinceOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be written and what dropped.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write what has changed into the archive; verify, restore or export it.

    A session has a file of its own until archive.month_after_days (60) after the end of its month, then the month has
    one; bars of a day have a file a year. Sessions that have not settled are written, too, and marked so. A file that
    cannot be written is told, the others are; the command then ends with 3. The schedule does the same after each
    night: see windows.archive and `collector run --window archive`.

    Example: collector archive --symbol SPY --since 2026-11-01
    """
    if context.invoked_subcommand is not None:
        return
    settings, clock = opened(config, writes_log=not plan, verbose=verbose)
    symbols, day = symbols_of(symbol), day_of(since)
    if plan:
        planned = run_until_signalled(maintenance.plan_archive(settings, symbols, day, clock))
        old = run_until_signalled(maintenance.drop_old(settings, clock, dry_run=True))
        _show_plan(planned, old, as_json=as_json)
        return
    shown = (lambda _: None) if as_json else _show_object
    done = run_until_signalled(maintenance.archive(settings, symbols, day, clock, shown))
    if as_json:
        print_json(asdict(done))
    else:
        for line in told.archived(done):
            typer.echo(line)
    if done.problems:
        raise typer.Exit(Exit.PARTIAL)


@app.command()
def restore(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", help="From this session on, YYYY-MM-DD, or so many days back: 90d.")
    ] = None,
    symbol: SymbolOption = None,
    database: Annotated[
        str | None, typer.Option("--database", help="The database's URL, without a password; default database.url.")
    ] = None,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Put sessions of the archive back into a database, with their contracts, and take the archive over.

    Rows that are there with other values stop it; nothing is overwritten. What a row proves counts as covered, and as
    settled where its session had settled; nothing else is taken for known.

    Example: collector archive restore --since 90d --database postgresql://collector@localhost/scratch
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    symbols, day = symbols_of(symbol), _since(since, clock.now().date())
    shown = (lambda _: None) if as_json else _show_restored

    async def work(_: Ending) -> "list[Restored]":
        return await maintenance.restore_archive(settings, database, symbols, day, clock, shown)

    done = on_record(context, settings, clock, reason, work)
    if as_json:
        print_json([asdict(one) for one in done])
        return
    bars = sum(one.bars for one in done)
    sessions = many(sum(one.sessions for one in done), "session")
    typer.echo(f"{many(bars, 'bar')} {'is' if bars == 1 else 'are'} put back, of {sessions}")


def _since(text: str | None, today: date) -> date | None:
    """Return the day that a person wrote, or so many days before today."""
    days = re.fullmatch(r"([1-9]\d{0,4})d", (text or "").strip())
    return today - timedelta(days=int(days[1])) if days else day_of(text)


def _show_restored(one: "Restored") -> None:
    typer.echo(f"{one.path}  {many(one.sessions, 'session')}, {many(one.bars, 'bar')}")


def _show_plan(planned: "tuple[Planned, ...]", old: tuple[OldPartition, ...], *, as_json: bool) -> None:
    if as_json:
        retention = [{**asdict(one), "data_set": one.data_set.name} for one in old]
        print_json({"archive": [asdict(one) for one in planned], "retention": retention})
        return
    for one in planned:
        sessions = "" if one.sessions == 1 else f"{one.sessions} sessions, "
        typer.echo(f"{one.path}  {sessions}{one.why}")
    objects = many(len(planned), "object")
    typer.echo(f"{objects} would be written" if planned else "the archive holds what the database holds")
    for line in retention_words(old, "would go"):
        typer.echo(line)


def _show_object(one: "Written | Problem") -> None:
    from collector.jobs.archive_pass import Problem  # noqa: PLC0415 - only where the archive's library is installed

    if isinstance(one, Problem):
        say(one.message, one.hint)
        return
    kept = f", {one.carried} of its sessions carried over" if one.carried else ""
    typer.echo(f"{one.path}  {many(one.rows, 'bar')}, {one.bytes / 1e6:,.1f} MB{kept}")
