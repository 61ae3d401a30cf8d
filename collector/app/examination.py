"""Examine everything that a run needs."""

from collector.app import opening, sources
from collector.clock import Clock
from collector.config import Settings
from collector.db.schema import features, schema_revisions
from collector.domain.errors import CollectorError
from collector.domain.market_data.data_sets import OPTION_BARS_5MIN
from collector.runs import preflight


async def storage(settings: Settings) -> tuple[str, str | None, str, features.FeatureReport]:
    """Return the database's address without password, its schema revision, the newest one, and its features."""
    url = await opening.database_url(settings)
    return (
        settings.database.shown,
        await schema_revisions.current(url),
        schema_revisions.head(),
        await features.report(url),
    )


async def examine(settings: Settings, clock: Clock, *, permissions: bool) -> list[preflight.Check]:
    """Look at everything that a run needs; one check each, none hides another."""
    own = settings.database.embedded  # a server of the owner's lies on another disk, and is his to upgrade
    checks = [preflight.disk(settings.database.data_path)] if own else []
    checks.append(preflight.sessions(opening.calendar(settings), clock.now()))
    try:
        _, current, head, report = await storage(settings)
        by_itself = own and (current is None or current in schema_revisions.known())
        checks.append(preflight.schema(report.title, current, head, upgraded_by_runs=by_itself))
    except CollectorError as error:
        checks.append(preflight.failed("database", error))
    try:
        async with sources.opened(settings, clock) as source:
            checks.append(
                preflight.connection(settings.gateway.host, settings.gateway.port, source.offset.total_seconds())
            )
            if permissions:
                symbol = (*settings.option_symbols, *settings.symbol_names)[0]
                asked = {what for one in settings.symbol_names for what in settings.series_for(one)}
                series = [what for what in OPTION_BARS_5MIN.series if what in asked]
                checks += preflight.entitlements(await source.probe(symbol, series))
    except CollectorError as error:
        checks.append(preflight.failed("gateway", error))
    return checks
