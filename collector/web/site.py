"""The site: pages, the same as JSON, downloads, files."""

import json
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from collector.domain.errors import (
    CollectorError,
    DatabaseError,
    ExtraMissing,
    LockHeld,
    NotAllowed,
    PlaceUnavailable,
    Unknown,
    UsageError,
)
from collector.web import acting, documents, live, openapi, rendering
from collector.web.context import Context
from collector.web.page import AnyPage, Asked, Download
from collector.web.pages.registry import DOWNLOADS, MENU, PAGES

_STATIC = Path(__file__).parent / "static"
_JSON = "application/json; charset=utf-8"


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

    def described(how: Callable[[Sequence[AnyPage], Sequence[Download]], object]) -> Callable[[Request], Response]:
        def answer(_request: Request) -> Response:
            return Response(json.dumps(how(PAGES, DOWNLOADS), indent=2), media_type=_JSON)

        return answer

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, CollectorError):
            return _refusal(request, templates, context, Refused(error.message, error.hint), _code(error))
        code = HTTPStatus(error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR)
        if code is HTTPStatus.NOT_FOUND:
            why = Refused("There is no such page.", "The menu names all pages; /api/v1 names their JSON.")
        elif code is HTTPStatus.INTERNAL_SERVER_ERROR:  # the server logs it, and goes on
            why = Refused("Something unforeseen went wrong; it is in the log.", "See: collector status --logs")
        else:
            why = Refused(f"{code.phrase}.", "")
        answer = _refusal(request, templates, context, why, code)
        answer.headers.update(getattr(error, "headers", None) or {})
        return answer

    return Starlette(
        routes=[
            *routes,
            *acting.routes(context),
            live.route(context, templates),
            *(Route(page.path, _html(page, context, templates)) for page in PAGES),
            # A page's last parameter would take the ending of a download for a part of it.
            *(Route("/api/v1" + one.path, _bytes(one, context, templates)) for one in DOWNLOADS),
            *(Route("/api/v1" + page.path, _json(page, context, templates)) for page in PAGES),
            Route("/api/v1", described(openapi.contents)),
            Route("/api/v1/openapi.json", described(openapi.document)),
            Route("/static/palette.css", colours),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=list(middleware),
        exception_handlers={HTTPException: refused, CollectorError: refused, Exception: refused},
    )


def _asked(request: Request) -> Asked:
    return {**request.query_params, **request.path_params}


async def _found(page: AnyPage, context: Context, request: Request) -> Any:  # noqa: ANN401 - the page's own model
    found = await page.answer(context, _asked(request))
    return context.mask.report(found) if page.is_masked else found


def _html(page: AnyPage, context: Context, templates: Environment) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await _found(page, context, request)
        except CollectorError as error:
            return _refusal(request, templates, context, Refused(error.message, error.hint), _code(error))
        values = {"it": found, "title": page.title_of(found), "here": request.url.path, "now": context.now}
        values["may_act"] = context.may_act
        return HTMLResponse(rendering.rendered(templates, page.template, **values))

    return answer


def _json(page: AnyPage, context: Context, templates: Environment) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await _found(page, context, request)
        except CollectorError as error:
            return _refusal(request, templates, context, Refused(error.message, error.hint), _code(error))
        return Response(documents.to_json(page, found), media_type=_JSON)

    return answer


def _bytes(download: Download, context: Context, templates: Environment) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await download.answer(context, _asked(request))
        except CollectorError as error:
            return _refusal(request, templates, context, Refused(error.message, error.hint), _code(error))
        return Response(found, media_type=download.media_type, headers=download.headers)

    return answer


def _refusal(request: Request, templates: Environment, context: Context, why: Refused, code: int) -> Response:
    """Say why there is no answer: as JSON below /api, as a page elsewhere."""
    why = context.mask.report(why)
    if request.url.path.startswith("/api/"):
        return Response(documents.refusal(why.message, why.hint), code, media_type=_JSON)
    values = {"it": why, "title": "No answer", "here": request.url.path, "now": context.now}
    return HTMLResponse(rendering.rendered(templates, "refused.html.j2", **values), code)


_CODES: tuple[tuple[type[CollectorError], HTTPStatus], ...] = (
    (Unknown, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (ExtraMissing, HTTPStatus.NOT_IMPLEMENTED),
    (LockHeld, HTTPStatus.CONFLICT),
    (DatabaseError, HTTPStatus.SERVICE_UNAVAILABLE),
    (PlaceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""Whose fault an error is: the asker's (4…), or ours."""


def _code(error: CollectorError) -> HTTPStatus:
    found = (code for kind, code in _CODES if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)
