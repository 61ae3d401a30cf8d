"""Examine everything that a run needs."""

import contextlib
from dataclasses import replace

from collector.app import opening, sources
from collector.clock import Clock
from collector.config import Settings
from collector.config.settings import MOVE_SECRETS
from collector.db.connection import driver_errors
from collector.db.readers import replica
from collector.db.schema import conversion, features, schema_revisions
from collector.db.schema.conversion import Remaining
from collector.domain.database_url import DatabaseUrl
from collector.domain.errors import CollectorError, ConfigurationError, DatabaseError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.domain.market_data.spans import Span
from collector.runs import preflight


async def storage(settings: Settings) -> tuple[str, str | None, str, features.FeatureReport]:
    """Return the database's address without password, its schema revision, the newest one, and its features."""
    url = await opening.database_url(settings)
    current, report = await schema_revisions.current(url), await features.report(url)
    left = await _remaining(url, current)
    if left.begun:
        unfinished = f"the upgrade is not finished: {conversion.words(left)}; {conversion.UPGRADE}"
        report = replace(report, warnings=(unfinished, *report.warnings))
    return DatabaseUrl.parse(url).shown, current, schema_revisions.head(), report


async def _remaining(url: str, current: str | None) -> Remaining:
    """Return which bars are to be moved, by an upgrade to come or by one that has begun."""
    return Remaining() if current is None else await conversion.remaining(url)


async def _stores(settings: Settings) -> list[preflight.Check]:
    """Check the places of the archive and of copies of backups, each with a small object of its own."""
    copies = [one for one in settings.backup.copies if isinstance(one, str) and settings.backup.enabled]
    places = [("archive", settings.archive.place), *(("copies", url) for url in copies)]
    found = []
    for subject, place in places:
        if place is None:
            continue
        from collector.archive.places import check, open_place  # noqa: PLC0415 - only where there is such a place

        try:
            await check(open_place(settings.archive, place))
        except CollectorError as error:
            found.append(preflight.failed(subject, error))
        else:
            data = settings.database.data_path if settings.database.embedded else None
            found.append(preflight.archive(place, data) if subject == "archive" else preflight.place(subject, place))
    return found


async def _reader(settings: Settings, clock: Clock) -> preflight.Check:
    """Look at where readers are sent, and whether it is the same database."""
    try:
        async with opening.reader(settings, clock) as db:
            found = await replica.standing(db)
    except CollectorError as error:
        return preflight.failed("readers", error)
    own = None
    with contextlib.suppress(DatabaseError):  # what is wrong with the database itself is another check's
        async with opening.onlooker(settings, clock) as db:
            own = await replica.standing(db)
    same = own is None or (own.server, own.database) == (found.server, found.database)
    return preflight.readers(found.words, is_late=found.is_late, is_elsewhere=not same)


async def examine(settings: Settings, clock: Clock, *, permissions: bool) -> list[preflight.Check]:
    """Look at everything that a run needs; one check each, none hides another."""
    return [
        *await on_this_machine(settings, clock),
        *await _stores(settings),
        *await _gateway(settings, clock, permissions=permissions),
    ]


async def on_this_machine(settings: Settings, clock: Clock) -> list[preflight.Check]:
    """Look at secrets, disks, the calendar and the database; nothing is written, and no gateway or store is asked."""
    own = settings.database.embedded  # a server of the owner's lies on another disk, and is his to upgrade
    misplaced = (ConfigurationError(found, MOVE_SECRETS) for found in settings.misplaced_secrets)
    checks = [preflight.failed("secrets", error) for error in misplaced]
    checks += [preflight.disk(settings.database.data_path)] if own else []
    checks += [preflight.copies(folder) for folder in settings.backup.copy_folders if settings.backup.enabled]
    checks.append(preflight.sessions(opening.calendar(settings), clock.now()))
    if settings.database.unprotected:
        checks.append(preflight.line(settings.database.shown))
    try:
        _, current, head, report = await storage(settings)
        if current is None and not report.may_create:
            checks.append(preflight.without_rights(driver_errors.LET_CREATE))
        left = await _remaining(await opening.database_url(settings), current)
        if left.begun:
            checks.append(preflight.unfinished_upgrade(conversion.words(left), conversion.UPGRADE))
        by_itself = own and (current is None or (current in schema_revisions.known() and not left.days))
        checks.append(preflight.schema(report.title, current, head, upgraded_by_runs=by_itself))
    except CollectorError as error:
        checks.append(preflight.failed("database", error))
    if settings.database.read_url is not None:
        checks.append(await _reader(settings, clock))
    return checks


async def _gateway(settings: Settings, clock: Clock, *, permissions: bool) -> list[preflight.Check]:
    """Look whether the gateway answers, and what the login may see."""
    checks: list[preflight.Check] = []
    try:
        async with sources.opened(settings, clock) as source:
            checks.append(
                preflight.connection(settings.gateway.host, settings.gateway.port, source.offset.total_seconds())
            )
            if permissions:
                symbol = (*settings.option_symbols, *settings.symbol_names)[0]
                asked = {what for one in settings.symbol_names for what in settings.series_for(one)}
                series = [what for what in OPTION_BARS_5MIN.series if what in asked]
                session = opening.calendar(settings).last_completed(source.now(), symbol)
                found = await source.probe(symbol, series, Span(session.open, session.close))
                checks += preflight.entitlements(found, session.day)
    except CollectorError as error:
        checks.append(preflight.failed("gateway", error))
    return checks
