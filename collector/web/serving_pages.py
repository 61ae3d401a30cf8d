"""The pages, shown for the length of a process."""

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
from collector.web.process import monitoring
from collector.web.site import site

Endpoint: TypeAlias = Callable[[Process], contextlib.AbstractAsyncContextManager[int]]
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - asked about, not bound here


def logins(settings: Settings) -> Logins:
    """Return what gives and checks logins, in real time: cookies live in a browser."""
    return Logins(Keys(settings.web.logins_path), SystemClock())


def endpoint(settings: Settings, clock: Clock, known: Logins) -> Endpoint:
    """Return what shows a process to a browser and to programs, for the length of a block; it yields the port.

    Args:
        settings: where, and who may look.
        clock: the time of what is shown.
        known: gives and checks logins.
    """

    @contextlib.asynccontextmanager
    async def shown(process: Process) -> AsyncIterator[int]:
        readers = Readers(settings, clock)
        context = Context(settings=settings, clock=clock, process=process, readers=readers)
        routes = (*entering.routes(settings, known), *monitoring.routes(context))
        guarded = Guard(site(context, routes=routes), settings, known)
        where, tls = settings.serve, certificates.of_server(settings.web)
        try:
            async with listening(guarded, where.host, where.port, tls) as port:
                yield port
        finally:
            await readers.close()

    return shown


def address(settings: Settings, port: int) -> str:
    """Return the address of the pages: scheme, name, port.

    Args:
        settings: by which name they are called.
        port: at which they are shown.
    """
    host, names = settings.serve.host.strip("[]"), settings.serve.names
    is_secured = settings.web.certificate is not None
    if names and (is_secured or host in _EVERYWHERE):  # the certificate is in that name
        host = names[0]
    elif host in _EVERYWHERE:
        host = "localhost"
    return f"http{'s' if is_secured else ''}://{f'[{host}]' if ':' in host else host}:{port}"
