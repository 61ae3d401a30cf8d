"""The page of health."""

import asyncio
import contextlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

from collector.app import examination
from collector.db.readers import replica
from collector.db.schema import schema_revisions
from collector.domain.errors import DatabaseError
from collector.domain.pacing.pace import BreakerState
from collector.jobs.disk import sizes
from collector.notify.reports import wording
from collector.runs.preflight import Check
from collector.web.context import Context
from collector.web.page import Asked, Page

_PATIENCE_S = 10.0
"""A database that takes longer to say how things stand is one that is down."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, as `collector doctor` says it. ok: None: it cannot be told. hint: what to do."""

    subject: str
    ok: bool | None
    finding: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How things stand.

    problems: what needs somebody, in words. checks: of what a run needs; the gateway is not asked for this, the line
    that there is speaks for itself. running: the window at work. next_window, next_due: what runs next. replica: how
    the database stands that is read, None where it is the database itself. storage: labels, each with its words.
    versions: of what, and which. settings: all but secrets.
    """

    ok: bool
    problems: tuple[str, ...]
    checks: tuple[Finding, ...]
    database_up: bool
    connected: bool
    breaker: BreakerState
    running: str | None
    last_run: str | None
    next_window: str | None
    next_due: datetime | None
    replica: str | None
    storage: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    settings: Mapping[str, Any]

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Return the settings as dotted keys, each with its value."""
        return tuple(_flat("", self.settings))


async def _answer(context: Context, _asked: Asked) -> Health:
    settings = context.settings
    condition = await context.process.condition()
    checks: list[Finding] = []
    try:
        async with asyncio.timeout(_PATIENCE_S):
            checks += [_finding(one) for one in await examination.on_this_machine(settings, context.clock)]
    except TimeoutError:
        checks.append(Finding("database", None, f"it says nothing within {_PATIENCE_S:.0f} s", "Look at its server."))
    checks.append(_line(connected=condition.connected, breaker=condition.breaker))
    standing: str | None = None
    storage: tuple[tuple[str, str], ...] = ()
    with contextlib.suppress(DatabaseError):  # the checks say what is wrong with it
        async with context.reading() as db:
            if settings.database.read_url is not None:
                standing = (await replica.standing(db)).words
            storage = wording.storage(await sizes.report(db, settings, context.now))
    last, following = condition.last_run, condition.next_window
    return Health(
        ok=condition.ok and all(one.ok is not False for one in checks if one.subject != "gateway"),
        problems=condition.problems,
        checks=tuple(checks),
        database_up=condition.database_up,
        connected=condition.connected,
        breaker=condition.breaker,
        running=condition.running,
        last_run=None if last is None else f"{last.window} of {last.session}: {last.status}",
        next_window=None if following is None else f"{following.window} of {following.run_date}",
        next_due=None if following is None else following.due,
        replica=standing,
        storage=storage,
        versions=(
            ("collector", metadata.version("collector")),
            ("Python", platform.python_version()),
            ("system", platform.platform()),
            ("schema of the tables", schema_revisions.head() or ""),
        ),
        settings=settings.shown(),
    )


def _finding(one: Check) -> Finding:
    return Finding(one.subject, one.ok, one.finding, one.hint)


def _line(*, connected: bool, breaker: BreakerState) -> Finding:
    """Say how the gateway stands, from the line that this process has or has not."""
    if not connected:
        return Finding("gateway", None, "no line to it is open now", "To ask it: collector doctor")
    if breaker is BreakerState.CLOSED:
        return Finding("gateway", True, "connected", "")
    return Finding("gateway", False, "connected, and it answers no request", "See: collector doctor")


def _flat(stem: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{stem}{name}.", value)
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value, 1):
                yield from _flat(f"{stem}{name}.{number}.", one)
        else:
            yield f"{stem}{name}", "–" if value in (None, [], {}) else _words(value)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


PAGE = Page(
    path="/health",
    title="Health",
    what="What `collector doctor` says, how this process stands, versions and settings.",
    model=Health,
    answer=_answer,
    template="records/health.html.j2",
)
