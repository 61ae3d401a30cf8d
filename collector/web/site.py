"""The site: pages, the same as JSON, downloads, files."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from collector.domain.errors import CollectorError, DatabaseError, ExtraMissing, UsageError
from collector.web import documents, rendering
from collector.web.context import Context
from collector.web.page import AnyPage, Asked, Download
from collector.web.pages.registry import DOWNLOADS, MENU, PAGES

_STATIC = Path(__file__).parent / "static"
_JSON = "application/json; charset=utf-8"
log = structlog.get_logger()


class Refused(NamedTuple):
    """Why there is no answer, in words for a person."""

    message: str
    hint: str


def site(context: Context, *, middleware: tuple[Middleware, ...] = (), routes: tuple[BaseRoute, ...] = ()) -> Starlette:
    """Return the application.

    Args:
        context: what pages are made from.
        middleware: what stands before every page.
        routes: what is no page.
    """
    templates = rendering.environment(menu=MENU)
    palette = rendering.palette_css()

    async def colours(_request: Request) -> Response:
        return Response(palette, media_type="text/css")

    return Starlette(
        routes=[
            *routes,
            *(Route(page.path, _html(page, context, templates)) for page in PAGES),
            *(Route("/api/v1" + page.path, _json(page, context)) for page in PAGES),
            *(Route("/api/v1" + one.path, _bytes(one, context)) for one in DOWNLOADS),
            Route("/static/palette.css", colours),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=list(middleware),
    )


def _asked(request: Request) -> Asked:
    return {**request.query_params, **request.path_params}


def _html(page: AnyPage, context: Context, templates: Any) -> Callable[[Request], Awaitable[Response]]:  # noqa: ANN401 - Jinja's
    async def answer(request: Request) -> Response:
        try:
            found = await page.answer(context, _asked(request))
        except CollectorError as error:
            it, template, title, code = Refused(error.message, error.hint), "refused.html.j2", "No answer", _code(error)
        else:
            it, template, title, code = found, page.template, page.title_of(found), HTTPStatus.OK
        values = {"it": it, "title": title, "here": request.url.path, "now": context.now}
        return HTMLResponse(rendering.rendered(templates, template, **values), code)

    return answer


def _json(page: AnyPage, context: Context) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await page.answer(context, _asked(request))
        except CollectorError as error:
            return _refusal(error)
        return Response(documents.to_json(page, found), media_type=_JSON)

    return answer


def _bytes(download: Download, context: Context) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await download.answer(context, _asked(request))
        except CollectorError as error:
            return _refusal(error)
        return Response(found, media_type=download.media_type)

    return answer


def _refusal(error: CollectorError) -> Response:
    return Response(documents.refusal(error.message, error.hint), _code(error), media_type=_JSON)


def _code(error: CollectorError) -> HTTPStatus:
    """Return the status of an error: the asker's, or ours."""
    if isinstance(error, UsageError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, ExtraMissing):
        return HTTPStatus.NOT_IMPLEMENTED
    return HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, DatabaseError) else HTTPStatus.INTERNAL_SERVER_ERROR
