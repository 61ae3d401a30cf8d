"""`collector db`: schema and features of the database."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import examination, maintenance, opening
from collector.app.maintenance import UpgradePlan
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, JsonOption, VerboseOption, opened, print_json
from collector.cli.words import say
from collector.db.schema import schema_revisions
from collector.db.schema.conversion import Progress
from collector.db.schema.features import FeatureReport
from collector.domain.errors import UsageError

app = typer.Typer(
    help="Manage the database: schema, features, backups, retention.", no_args_is_help=True, add_completion=False
)


@app.command()
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Move bars also when eod is due within two hours.")] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Bring the database to this version's schema and give it every feature that its server can have.

    Bars of an earlier schema are moved a day at a time. No run begins meanwhile; interrupted, it goes on when it is
    called again.

    Example: collector db upgrade --dry-run
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    if dry_run:
        for line in upgrade_words(opening.run_until_signalled(maintenance.plan_upgrade(settings, clock))):
            typer.echo(line)
        return
    _show(opening.run_until_signalled(maintenance.upgrade(settings, clock, at_once=now, on_day=_day_moved)))


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which server, extension, edition and features the database has, and why (not).

    Example: collector db status --json
    """
    settings, _ = opened(config)
    address, current, head, report = opening.run_until_signalled(examination.storage(settings))
    if as_json:
        features = [feature._asdict() for feature in report.features]
        print_json(
            {
                "url": address,
                "schema": current,
                "newest_schema": head,
                "server": report.server,
                "extension": report.extension,
                "edition": report.edition,
                "features": features,
                "warnings": report.warnings,
            }
        )
        return
    typer.echo(f"{address}\nschema {current or 'missing'}" + ("" if current == head else f"; newest {head}"))
    _show(report)


@app.command()
def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="Where backups are kept; backup.directory when it is not given.")
    ] = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Write a backup (pg_dump, custom format) and prune those older than backup.keep_days (30).

    The newest seven always stay. Without FOLDER it is copied into the folders of backup.copies, too; where that fails
    the command says so and ends with 3. The schedule does the same after each session: see windows.backup and
    `collector run --window backup`.

    Example: collector db backup ~/backups
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    made, failed = opening.run_until_signalled(maintenance.back_up(settings, folder and folder.expanduser(), clock))
    typer.echo(f"{made.path}  {made.bytes / 1e6:,.1f} MB")
    for error in failed:
        say(f"the backup is not copied: {error.message}", error.hint)
    if failed:
        raise typer.Exit(Exit.PARTIAL)


@app.command()
def restore(
    dump: Annotated[Path, typer.Argument(help="The .dump file; its manifest lies beside it.")],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Restore a backup into the configured database, which must be empty, and upgrade it to this version.

    Example: collector db restore ~/backups/collector-20261121T070000Z.dump
    """
    path = dump.expanduser()
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "Name a .dump file; backups are in backup.directory.")
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    kept, report = opening.run_until_signalled(maintenance.restore(settings, path, clock, on_day=_day_moved))
    upgraded = f", upgraded from schema {kept.revision}" if kept.revision != schema_revisions.head() else ""
    typer.echo(f"restored {kept.path.name}, taken {kept.taken_at:%Y-%m-%d %H:%M} UTC{upgraded}")
    _show(report)


@app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; drop nothing.")] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Drop raw bars older than retention.bars_days; summaries stay, and so does what was never settled or exported.

    The record of requests older than retention.requests_days goes, too.

    Example: collector db retention --dry-run
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    days = opening.run_until_signalled(maintenance.drop_old(settings, clock, dry_run=dry_run))
    for day in days:
        fate = "would go" if dry_run else "gone"
        typer.echo(f"{day.day}  {day.bars:>9,} bars  {fate if day.dropped else day.why}")
    if not days:
        typer.echo(f"no bars are older than {settings.retention.bars_days} days")
    requests = opening.run_until_signalled(maintenance.drop_old_requests(settings, clock, dry_run=dry_run))
    if requests:
        fate = "would go" if dry_run else "gone"
        typer.echo(f"{requests:,} requests older than {settings.retention.requests_days} days  {fate}")


@app.command()
def roles(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Make the roles collector_rw and collector_ro, or bring their privileges up to date.

    Example: collector db roles
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    opening.run_until_signalled(maintenance.make_roles(settings, clock))
    typer.echo("roles collector_rw and collector_ro are ready; give one to somebody with: GRANT collector_ro TO name;")


@app.command()
def compact(config: ConfigOption = None, verbose: VerboseOption = False) -> None:
    """Compress repaired days again, and refresh all summaries.

    Example: collector db compact
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    for one in opening.run_until_signalled(maintenance.compact(settings, clock)):
        typer.echo(one)


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(help="Where the backup goes first.")],
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Take over the tables of an earlier system, after a backup; every row is kept, nothing counts as settled.

    Example: collector db adopt ~/backups
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    typer.echo(opening.run_until_signalled(maintenance.adopt(settings, folder.expanduser(), clock)))


def upgrade_words(plan: UpgradePlan) -> Iterator[str]:
    """Yield in words what an upgrade would do, how long it may take and which room it needs."""
    revision, left = plan.revision or "none", plan.left
    yield f"schema {revision}" + ("" if plan.revision == plan.head else f", to be upgraded to {plan.head}")
    if not left.days:
        yield "no bars have to be moved"
        return
    first, last = left.days[-1].start.date(), left.days[0].start.date()
    yield f"{left.bars:,} bars of {left.counted} to move, {first} to {last}"
    yield f"this may take {_range(map(_minutes, left.seconds))}; no run begins meanwhile"
    yield f"they take {_gigabytes(left.bytes)} now and {_range(map(_gigabytes, left.bytes_afterwards))} afterwards"
    yield f"meanwhile {_gigabytes(left.bytes_meanwhile)} have to be free on the {_disk(plan)}"
    if plan.eod:
        yield f"{plan.eod}: begin after it has run, or call with --now"


def _disk(plan: UpgradePlan) -> str:
    if plan.free_bytes is None:
        return "server's disk"
    enough = "" if plan.free_bytes >= plan.left.bytes_meanwhile else ", which is too little"
    return f"disk; {_gigabytes(plan.free_bytes)} are{enough}"


def _range(ends: Iterable[str]) -> str:
    """Return both ends, once when they read the same."""
    return " to ".join(dict.fromkeys(ends))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:,.0f} minutes" if minutes < 120 else f"{minutes / 60:,.1f} hours"  # noqa: PLR2004 - two hours


def _day_moved(progress: Progress) -> None:
    """Tell of a day on a terminal; a service finds it in the log."""
    console = Console(stderr=True)
    if console.is_terminal:
        rest = progress.seconds / progress.done * (progress.days - progress.done)
        console.print(
            f"{progress.day.start:%Y-%m-%d}  {progress.day.bars:>9,} bars moved, "
            f"{progress.done} of {progress.days} days; {_minutes(rest)} left",
            highlight=False,
        )


def _show(report: FeatureReport) -> None:
    console = Console()
    console.print(report.title, highlight=False)
    table = Table("feature", "", "why")
    for feature in report.features:
        table.add_row(feature.name, "[green]on[/green]" if feature.on else "[yellow]off[/yellow]", feature.why)
    console.print(table)
    for warning in report.warnings:
        console.print(f"[yellow]{warning}[/yellow]", highlight=False)
