"""The pages, shown for the length of a process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from collector.clock import Clock, SystemClock
from collector.config import Settings
from collector.web.access import certificates, entering
from collector.web.access.guard import Guard
from collector.web.access.keys import Keys
from collector.web.access.logins import Logins
from collector.web.context import Context, Process, Readers
from collector.web.listening import listening
from collector.web.pages.coverage import symbol_sessions
from collector.web.process import monitoring
from collector.web.site import site

Endpoint: TypeAlias = Callable[[Process], contextlib.AbstractAsyncContextManager[int]]


def logins(settings: Settings) -> Logins:
    """Return what gives and checks logins, in real time: cookies live in a browser."""
    return Logins(Keys(settings.web.logins_path), SystemClock())


def endpoint(settings: Settings, clock: Clock, known: Logins, *, counts_beforehand: bool = True) -> Endpoint:
    """Return what shows a process to a browser and to programs, for the length of a block; it yields the port.

    Args:
        settings: where, and who may look.
        clock: the time of what is shown.
        known: gives and checks logins.
        counts_beforehand: whether what takes longest is counted before anybody asks for it.
    """

    @contextlib.asynccontextmanager
    async def of_process(process: Process) -> AsyncIterator[int]:
        readers = Readers(settings, clock)
        try:
            context = Context(settings=settings, clock=clock, process=process, readers=readers)
            async with shown(context, known) as port, _counting(context) if counts_beforehand else _NOTHING:
                yield port
        finally:
            await readers.close()

    return of_process


_NOTHING: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()


@contextlib.asynccontextmanager
async def _counting(context: Context) -> AsyncIterator[None]:
    """Count beside a block what takes longest, no longer than it lasts."""
    task = asyncio.create_task(symbol_sessions.count_beforehand(context))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextlib.asynccontextmanager
async def shown(context: Context, known: Logins) -> AsyncIterator[int]:
    """Show pages for the length of a block; yields the port.

    Args:
        context: what they are made from; its settings say where they are shown, and who may look.
        known: gives and checks logins.

    Raises:
        ConfigurationError: the port is taken, or the certificate cannot be used.
    """
    settings = context.settings
    routes = (*entering.routes(settings, known), *monitoring.routes(context))
    guarded = Guard(site(context, routes=routes), settings, known)
    tls = certificates.of_server(settings.web)
    async with listening(guarded, settings.serve.host, settings.serve.port, tls) as port:
        yield port
