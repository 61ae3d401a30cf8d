"""`collector db`: schema and features of the database."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import examination, maintenance, opening, reading
from collector.app.acting.records import Ending
from collector.app.maintenance import UpgradePlan
from collector.cli.acts import ReasonOption, on_record
from collector.cli.exits import Exit
from collector.cli.operate import database_doors
from collector.cli.options import ConfigOption, JsonOption, VerboseOption, opened, print_json
from collector.cli.words import say
from collector.db.bookkeeping.operator_actions import OperatorAction, Origin
from collector.db.schema import schema_revisions
from collector.db.schema.adoption import Adoption
from collector.db.schema.conversion import Progress
from collector.db.schema.earlier_ticks import Unfit
from collector.db.schema.features import FeatureReport
from collector.db.upkeep.backup_files import Backup
from collector.db.upkeep.retention import OldPartition
from collector.domain.errors import UsageError
from collector.domain.object_url import is_url
from collector.notify.reports import wording

app = typer.Typer(
    help="Manage the database: schema, features, backups, retention.", no_args_is_help=True, add_completion=False
)

app.command()(database_doors.url)
app.command("psql")(database_doors.psql_)


@app.command()
def upgrade(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Move bars also when eod is due within two hours.")] = False,
    reason: ReasonOption = None,
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

    async def work(_: Ending) -> FeatureReport:
        return await maintenance.upgrade(settings, clock, at_once=now, on_day=_day_moved)

    kept = now or reason is not None
    _show(on_record(context, settings, clock, reason, work) if kept else opening.run_until_signalled(work(Ending())))


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which server, extension, edition and features the database has, and why (not).

    Example: collector db status --json
    """
    settings, clock = opened(config)
    address, current, head, report = opening.run_until_signalled(examination.storage(settings))
    storage = opening.run_until_signalled(reading.storage(settings, clock)) if current == head else None
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
                "storage": None if storage is None else asdict(storage),
            }
        )
        return
    typer.echo(f"{address}\nschema {current or 'missing'}" + ("" if current == head else f"; newest {head}"))
    _show(report)
    for label, words in wording.storage(storage):
        typer.echo(f"{label.lower()}: {words}")


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
    context: typer.Context,
    dump: Annotated[
        str, typer.Argument(help="The .dump file, or its URL (s3://bucket/prefix/….dump); its manifest lies beside it.")
    ],
    reason: ReasonOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Restore a backup into the configured database, which must be empty, and upgrade it to this version.

    Example: collector db restore ~/backups/collector-20261121T070000Z.dump
    """
    path = dump if is_url(dump) else Path(dump).expanduser()
    if isinstance(path, Path) and not path.is_file():
        raise UsageError(f"there is no file {path}", "Name a .dump file; backups are in backup.directory.")
    settings, clock = opened(config, writes_log=True, verbose=verbose)

    async def work(_: Ending) -> tuple[Backup, FeatureReport]:
        return await maintenance.restore(settings, path, clock, on_day=_day_moved)

    kept, report = on_record(context, settings, clock, reason, work)
    upgraded = f", upgraded from schema {kept.revision}" if kept.revision != schema_revisions.head() else ""
    typer.echo(f"restored {kept.path.name}, taken {kept.taken_at:%Y-%m-%d %H:%M} UTC{upgraded}")
    _show(report)


@app.command()
def retention(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; drop nothing.")] = False,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Drop raw bars older than their limit that the archive holds as they are; summaries stay, and so does all else.

    Limits are retention.bars_days, a symbol's retention_days and retention.underlying_bars_days. What goes is read back
    from the archive first. The record of requests older than retention.requests_days goes, too. The weekly window does
    the same.

    Example: collector db retention --dry-run
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)

    async def work(_: Ending) -> tuple[tuple[OldPartition, ...], int]:
        found = await maintenance.drop_old(settings, clock, dry_run=dry_run)
        return found, await maintenance.drop_old_requests(settings, clock, dry_run=dry_run)

    if dry_run:
        found, requests = opening.run_until_signalled(work(Ending()))
    else:
        found, requests = on_record(context, settings, clock, reason, work)
    fate = "would go" if dry_run else "gone"
    for line in retention_words(found, fate):
        typer.echo(line)
    if requests:
        typer.echo(f"{requests:,} requests older than {settings.retention.requests_days} days  {fate}")


def retention_words(found: Sequence[OldPartition], fate: str) -> Iterator[str]:
    """Yield in words what of old bars goes, with the room that it frees, and what waits for which reason.

    Args:
        found: what is beyond its limit.
        fate: of what goes.
    """
    for one in found:
        size = f"{wording.size(one.bytes):>9}"
        why = fate if one.dropped else f"waits: {one.why}"
        yield f"{one.day}  {one.symbol:<6}  {one.data_set.name:<20}  {one.bars:>9,} bars  {size}  {why}"
    if not found:
        yield "no bars are older than they are kept"
        return
    going = [one for one in found if one.dropped]
    waiting = [one for one in found if not one.dropped]
    yield f"{fate}: {_counted(going)}; waiting: {_counted(waiting)}"


def _counted(partitions: Sequence[OldPartition]) -> str:
    size = wording.size(sum(one.bytes for one in partitions))
    return f"{wording.many(sum(one.bars for one in partitions), 'bar')} of {size}"


@app.command()
def roles(
    login: Annotated[
        str | None, typer.Option("--login", help="Also make a login of this name for the service, or change it.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="With --login: the file that holds its password.")
    ] = None,
    reads_only: Annotated[
        bool, typer.Option("--reads-only", help="With --login: it is for somebody who reads, such as Grafana.")
    ] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make the roles collector_rw and collector_ro, or bring their privileges up to date.

    Example: collector db roles --login collector_service --password-file ~/service_password
    """
    if (login is None) != (password_file is None):
        raise UsageError("--login and --password-file belong together", "Give both, or neither.")
    if reads_only and login is None:
        raise UsageError("--reads-only says what a --login may do", "Give it with --login and --password-file.")
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    made = (login, _password(password_file)) if login is not None and password_file is not None else None
    opening.run_until_signalled(maintenance.make_roles(settings, clock, made, reads_only=reads_only))
    if reads_only:
        typer.echo(f"{login} may log in and has the rights of collector_ro")
    elif made is not None:
        typer.echo(f"{login} may log in and has the rights of collector_rw; let database.url name it")
    typer.echo("roles collector_rw and collector_ro are ready; give one to somebody with: GRANT collector_ro TO name;")


def _password(file: Path) -> str:
    try:
        found = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{file} cannot be read", "It holds the login's password, and nothing else.") from None
    if not found:
        raise UsageError(f"{file} is empty", "It holds the login's password, and nothing else.")
    return found


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
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where the backup goes first.")],
    reason: ReasonOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Take over the tables of an earlier system, after a backup; every row is kept, nothing counts as settled.

    Example: collector db adopt ~/backups
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)

    async def work(_: Ending) -> Adoption:
        return await maintenance.adopt(settings, folder.expanduser(), clock)

    done = on_record(context, settings, clock, reason, work)
    if as_json:
        print_json(asdict(done) | {"unread": done.unread})
        return
    for line in adoption_words(done):
        typer.echo(line)


_UNFIT = {
    Unfit.NO_BAR: "prices or quotes of one moment, no bars",
    Unfit.COMPUTED_QUOTE: "quotes that were computed from a middle, not the market's",
    Unfit.OFF_GRID: "off the 5-minute grid, or among rows that are: bars of another size, or ticks",
    Unfit.OTHER_SIZE: "further than 5 minutes apart, or alone on their day: bars of another size",
    Unfit.OUTSIDE_SESSION: "outside the sessions of the calendar",
    Unfit.IMPOSSIBLE: "impossible prices or volumes",
    Unfit.DUPLICATE: "given up for a later row of the same slot",
}


def adoption_words(done: Adoption) -> Iterator[str]:
    """Yield in words what was taken over, what was left aside and why, where it is, and how to give its room back."""
    yield (
        f"in the collector's tables: option bars {done.bars:,}, underlyings' bars {done.underlying_bars:,}, "
        f"contracts {done.contracts:,}, underlyings {done.underlyings:,}, runs {done.runs:,}"
    )
    yield "the bars count as covered, never as settled: repairs confirm what IB still knows of them"
    if done.unfit:
        yield f"{done.unfit:,} bars lack what no column holds; it is in the earlier tables, and asked for again"
    for one in done.left:
        yield f"left aside of {one.table}: {one.rows:,}, {_UNFIT[one.reason]}"
    if done.unread:
        yield f"left aside whole: {', '.join(done.unread)}; the collector takes nothing from them"
    yield "all earlier tables are in the schema earlier_system, unchanged"
    yield f"backup: {done.backup}"
    yield "to give their room back, once you need none of them: DROP SCHEMA earlier_system CASCADE"


@app.command("compat")
def compat_(
    drop: Annotated[bool, typer.Option("--drop", help="Take the schema away.")] = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make the schema compat: the tables under the names and in the form that an earlier system's readers expect.

    Example: collector db compat
    """
    settings, clock = opened(config, writes_log=True, verbose=verbose)
    names = opening.run_until_signalled(maintenance.show_compatibly(settings, clock, drop=drop))
    if drop:
        typer.echo("the collector has no schema compat any more; nothing of its own was stored there")
        return
    typer.echo(f"compat has {', '.join(names)}")
    typer.echo("readers find them first with: SET search_path = compat, public")


@app.command()
def actions(
    most: Annotated[int, typer.Option("--most", min=1, help="How many, the latest first.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what people did by hand: who, when, what, why, and how it ended.

    On record is every command that forces, forgets, accepts, drops, restores or adopts, an upgrade with --now or
    --reason, and everything that was started from a page, as the command that does the same.

    Example: collector db actions --json
    """
    settings, clock = opened(config)
    found = opening.run_until_signalled(reading.actions(settings, clock, most))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        typer.echo(action_words(one))
    if not found:
        typer.echo("nobody has forced, forgotten, dropped, restored or adopted anything")


def action_words(one: OperatorAction) -> str:
    """Return an act in two lines; what people typed adds none, and does nothing to the terminal."""
    how = one.outcome or "not ended: at work, or its process was killed"
    where = one.host if one.origin is Origin.COMMAND_LINE else f"{one.host}, from a page"
    what = f"{one.began_at:%Y-%m-%d %H:%M} UTC  {one.os_user} on {where}: {one.command}"
    told = f"{how}: {one.message}" if one.message else how
    number = "" if one.run_id is None else f", run {one.run_id}"
    ended = f"{told}{number}" + (f"; {one.reason}" if one.reason else "")
    return f"{_visible(what)}\n    {_visible(ended)}"


def _visible(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


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
