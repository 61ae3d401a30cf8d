"""Routes to log in and out."""

import math
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from collector.config import Settings
from collector.web import rendering
from collector.web.access import guard
from collector.web.access.logins import LOGIN_LASTS, Logins
from collector.web.access.passwords import Door
from collector.web.access.visitors import VISITOR, Visitor

_LONGEST_QUESTION = 100


def routes(settings: Settings, logins: Logins) -> tuple[Route, ...]:
    """Return /login, /logout, and /login/proof, by which `collector web` knows a process of the same account.

    Args:
        settings: whether there is a password.
        logins: checks addresses and gives cookies.
    """
    entrance = _Entrance(settings, logins)
    return (
        Route("/login", entrance.by_address),
        Route("/login", entrance.by_password, methods=["POST"]),
        Route("/logout", entrance.leave, methods=["POST"]),
        Route("/login/proof", entrance.prove),
    )


class _Entrance:
    def __init__(self, settings: Settings, logins: Logins) -> None:
        self._settings, self._logins = settings, logins
        self._templates = rendering.environment(menu=())
        password = settings.web.password
        self._door = Door(None if password is None else password.get_secret_value(), logins.clock)

    async def by_address(self, request: Request) -> Response:
        key = request.query_params.get("key")
        if key is None or request.method == "HEAD":  # whatever looks at addresses before a person does uses none up
            return self._page("", HTTPStatus.OK)
        if not self._logins.use(key):
            return self._page("This address has been used, or is too old.", HTTPStatus.UNAUTHORIZED)
        return self._let_in(request)

    async def by_password(self, request: Request) -> Response:
        client = request.client.host if request.client else ""
        # First, and nothing awaited after it: attempts side by side would all find that nobody has to wait.
        given = (await request.form()).get("password")
        if wait := self._door.wait(client):
            seconds = math.ceil(wait.total_seconds())
            words = f"That was wrong before. Try again in {seconds} s."
            return self._page(words, HTTPStatus.TOO_MANY_REQUESTS, {"retry-after": str(seconds)})
        if not self._door.opens(client, given if isinstance(given, str) else ""):
            return self._page("That is not the password.", HTTPStatus.UNAUTHORIZED)
        return self._let_in(request)

    async def leave(self, request: Request) -> Response:
        found = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        found.delete_cookie(**_cookie(request))
        return found

    async def prove(self, request: Request) -> Response:
        port, question = request.scope["server"][1], request.query_params.get("of", "")[:_LONGEST_QUESTION]
        return PlainTextResponse(self._logins.proof(port, question))

    def _let_in(self, request: Request) -> Response:
        found = RedirectResponse("/", HTTPStatus.SEE_OTHER, {"referrer-policy": "no-referrer"})
        lasts_s = int(LOGIN_LASTS.total_seconds())
        found.set_cookie(value=self._logins.cookie(), max_age=lasts_s, **_cookie(request))
        return found

    def _page(self, complaint: str, code: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
        is_logged_in = not complaint and VISITOR.get() is Visitor.OWNER
        shown = guard.login_page(self._templates, self._settings, complaint, is_logged_in=is_logged_in)
        return HTMLResponse(shown, code, headers)


def _cookie(request: Request) -> dict[str, Any]:
    """Return name and attributes of our cookie."""
    scheme, port = request.scope["scheme"], request.scope["server"][1]
    name = guard.cookie_name(scheme, port)
    return {"key": name, "httponly": True, "samesite": "strict", "secure": scheme == "https"}
