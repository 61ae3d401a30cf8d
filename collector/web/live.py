"""The stream of what is at work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from collector.web import at_work, rendering
from collector.web.context import Context

LOOK_S = 3.0
"""So often a run of another process is looked at, while somebody looks on."""

_KEEP_ALIVE = 5
"""After so many looks that found nothing new the stream says that it lives."""

_PART, _EVENTS = "parts/work.html.j2", "text/event-stream"


class _Lookout:
    """Finds out what is at work for all who look on together.

    Args:
        context: what pages are made from.
        templates: the pages'.
    """

    def __init__(self, context: Context, templates: Environment) -> None:
        self._context, self._templates = context, templates
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._shown = ""

    async def shown(self) -> str:
        """Return the part of the page that says what is at work; found out once in a second, however many ask."""
        async with self._asking:
            clock = asyncio.get_running_loop().time
            if clock() - self._asked_at >= 1:
                it = self._context.mask.report(await at_work.now(self._context))
                self._shown = rendering.rendered(self._templates, _PART, it=it, now=self._context.now)
                self._asked_at = clock()
            return self._shown


def route(context: Context, templates: Environment) -> Route:
    """Return `/live`: server-sent events `work`, each the HTML of what is at work.

    One comes at once, then one whenever something has changed; the stream ends when the process does.

    Args:
        context: what pages are made from.
        templates: the pages'.
    """
    lookout = _Lookout(context, templates)

    async def answer(request: Request) -> Response:
        if request.method == "HEAD":  # its answer would never be over
            return Response(media_type=_EVENTS)
        return StreamingResponse(_events(context, lookout), media_type=_EVENTS, headers={"Cache-Control": "no-store"})

    return Route("/live", answer)


async def _events(context: Context, lookout: _Lookout) -> AsyncIterator[str]:
    changes = context.process.live.changes()
    change = asyncio.ensure_future(anext(changes))
    said, unchanged = "", 0
    try:
        while True:
            done, _ = await asyncio.wait([change], timeout=LOOK_S)
            if done:
                if isinstance(change.exception(), StopAsyncIteration):
                    return
                change = asyncio.ensure_future(anext(changes))
            shown = await lookout.shown()
            unchanged = 0 if shown != said else unchanged + 1
            if unchanged == 0:
                said = shown
                yield "event: work\n" + "".join(f"data: {line}\n" for line in shown.splitlines()) + "\n"
            elif unchanged % _KEEP_ALIVE == 0:
                yield ": nothing new\n\n"
    finally:
        change.cancel()
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
            await change
        await changes.aclose()
