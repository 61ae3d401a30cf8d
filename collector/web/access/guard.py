"""Conditions that every request has to meet."""

import ipaddress
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.config import Settings
from collector.web import documents, rendering
from collector.web.access.logins import Logins
from collector.web.access.passwords import same
from collector.web.access.visitors import VISITOR, Visitor

FORMS = ("/login", "/logout")
ACTS = "/acts"
"""Forms go to these, and below the last; everything else is asked by GET."""

_OPEN = ("/login", "/login/proof")
_WATCHED = ("/healthz", "/metrics")
_FILES, _API, _READABLE = "/static/", "/api/", "/api/v1"

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - no names of this machine
_LONGEST_HEAD = 16_384
_LONGEST_FORM = 65_536
_FORM = "application/x-www-form-urlencoded"
_PORT = re.compile(r":\d*$")
_FOREIGN = re.compile(r"//|\\|(?:^|/)\.{1,2}(?:/|$)|[\x00-\x1f\x7f]")
"""What no path of ours holds; no query holds a NUL, either, which no database stores."""

HARDENING = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # `no-referrer` would take the Origin from our own forms
    "x-content-type-options": "nosniff",
}
"""Headers of every answer, but where an answer has its own."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, as far as the guard looks. length: of its head, bytes; headers: all values by lower-case name."""

    method: str
    path: str
    raw_path: str
    query: str
    scheme: str
    client: str
    port: int
    length: int
    headers: dict[str, list[str]]

    @classmethod
    def of(cls, scope: Scope) -> "_Asked":
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())
        return cls(
            method=scope["method"],
            path=scope["path"],
            raw_path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            scheme=scope["scheme"],
            client=(scope.get("client") or ("", 0))[0],
            port=(scope.get("server") or ("", 0))[1] or 0,
            length=len(scope["raw_path"] + scope["query_string"]) + sum(map(len, itertools.chain(*scope["headers"]))),
            headers=headers,
        )

    def only(self, name: str) -> str | None:
        """Return a header's value, None without one; two are none that anybody means, and become what fits nothing."""
        values = self.headers.get(name, [])
        return values[0] if len(values) == 1 else ("\0" if values else None)

    def is_below(self, folder: str) -> bool:
        return self.path == folder or self.path.startswith(f"{folder}/")


class Guard:
    """Lets those requests through that are meant for us and come from whom they should, and hardens every answer.

    Args:
        app: the site.
        settings: by which names we are called, who may do what.
        logins: knows the cookies.
    """

    def __init__(self, app: ASGIApp, settings: Settings, logins: Logins) -> None:
        self._app, self._settings, self._logins = app, settings, logins
        own = settings.serve.host.strip("[]").lower()
        self._names = {"localhost", *(name.lower() for name in settings.serve.names), *({own} - _EVERYWHERE)}
        self._templates = rendering.environment(menu=())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        asked = _Asked.of(scope)
        visitor = self._visitor(asked)
        refusal = self._misdirected(asked) or self._forged(asked) or self._unknown(asked, visitor)
        token = VISITOR.set(visitor)
        try:
            await (refusal or self._app)(scope, receive, self._hardened(asked, visitor, send))
        finally:
            VISITOR.reset(token)

    def _hardened(self, asked: _Asked, visitor: Visitor, send: Send) -> Send:
        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HARDENING.items():
                    headers.setdefault(name, value)
                # Files are kept and asked for again by their ETag; what pages say is kept nowhere.
                headers.setdefault("cache-control", "no-cache" if asked.path.startswith(_FILES) else "no-store")
                headers.setdefault("date", format_datetime(self._logins.clock.now(), usegmt=True))
            elif message.get("more_body") and self._visitor(asked) is not visitor:  # his login has ended
                await send({"type": "http.response.body", "body": b""})
                raise ClientDisconnect
            await send(message)

        return hardened

    def _visitor(self, asked: _Asked) -> Visitor:
        """Return who asks. A token stands for itself: what comes with one is not the browser of the owner."""
        given, token = asked.only("authorization"), self._settings.web.token
        if given is not None:
            scheme, _, value = given.partition(" ")
            is_reader = token is not None and scheme.lower() == "bearer" and same(value, token.get_secret_value())
            return Visitor.READER if is_reader else Visitor.NOBODY
        ours = cookie_name(asked.scheme, asked.port)
        cookies = (value for name, value in _cookies(asked.headers.get("cookie", [])) if name == ours)
        return Visitor.OWNER if any(map(self._logins.knows, cookies)) else Visitor.NOBODY

    def _misdirected(self, asked: _Asked) -> Response | None:
        """Refuse what is no request to this machine."""
        if asked.length > _LONGEST_HEAD:
            return _refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long a head")
        host = asked.only("host")
        if host in (None, "\0"):
            return _refused(HTTPStatus.BAD_REQUEST, "one Host, please")
        name = _PORT.sub("", host or "").strip("[]").lower()
        if name not in self._names and not _is_loopback(name):
            return _refused(HTTPStatus.MISDIRECTED_REQUEST, "no name of this machine; see serve.names")
        is_foreign = _FOREIGN.search(asked.path) or "%2f" in asked.raw_path.lower() or "%00" in asked.query
        if not asked.raw_path.startswith("/") or is_foreign:
            return _refused(HTTPStatus.BAD_REQUEST, "no address of a page")
        return None

    def _forged(self, asked: _Asked) -> Response | None:
        """Refuse what another site makes a browser ask for, and every form that is not one of ours."""
        is_form = asked.path in FORMS or asked.is_below(ACTS)
        if asked.method not in ("GET", "HEAD") and not (asked.method == "POST" and is_form):
            allowed = "GET, HEAD, POST" if is_form else "GET, HEAD"
            return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "GET only", allow=allowed)
        origin, site = asked.only("origin"), asked.only("sec-fetch-site")
        is_own = origin is not None and origin.lower() in _origins(asked)
        if asked.method == "POST":
            if not is_own or site not in (None, "same-origin"):
                return _refused(HTTPStatus.FORBIDDEN, "forms are taken from our own pages only")
            return _unfit(asked)
        is_visit = (asked.only("sec-fetch-mode"), asked.only("sec-fetch-dest")) == ("navigate", "document")
        from_outside = site not in (None, "same-origin", "none")
        if (origin is not None and not is_own) or (from_outside and (not is_visit or asked.path.startswith(_API))):
            return _refused(HTTPStatus.FORBIDDEN, "another site asked for this")
        return None

    def _unknown(self, asked: _Asked, visitor: Visitor) -> Response | None:
        """Refuse who has not logged in, and what the visitor may not do."""
        if asked.path in _OPEN or asked.path.startswith(_FILES):
            return None
        if asked.path in _WATCHED and _is_loopback(asked.client):
            return None
        is_api = asked.path.startswith(_API)
        if visitor is Visitor.READER and not asked.is_below(_READABLE):
            return _refused(HTTPStatus.FORBIDDEN, "the reader's token is for /api/v1")
        if visitor is Visitor.NOBODY:
            return self._login_wanted(asked, is_api=is_api)
        if asked.method == "POST" and asked.path not in FORMS and self._settings.web.read_only:
            return _refused(HTTPStatus.FORBIDDEN, "nothing can be started here: web.read_only is set")
        return None

    def _login_wanted(self, asked: _Asked, *, is_api: bool) -> Response:
        challenge = {"www-authenticate": "Bearer"}
        if is_api:
            words = ("Nobody is logged in.", "Log in with a browser, or send the token: Authorization: Bearer …")
            body = documents.refusal(*words)
            return Response(body, HTTPStatus.UNAUTHORIZED, challenge, media_type="application/json; charset=utf-8")
        # Cookies do not come along when a link in a mail is followed; from a page of ours they do.
        if asked.only("sec-fetch-site") in ("cross-site", "same-site"):
            again = asked.raw_path + (f"?{asked.query}" if asked.query else "")
            page = rendering.rendered(self._templates, "again.html.j2", address=again)
        else:
            page = login_page(self._templates, self._settings, "")
        return HTMLResponse(page, HTTPStatus.UNAUTHORIZED, challenge)


def login_page(templates: Any, settings: Settings, complaint: str, *, is_logged_in: bool = False) -> str:  # noqa: ANN401 - Jinja's
    """Return the page that says how to log in.

    Args:
        templates: of the pages.
        settings: tell whether there is a password.
        complaint: what was wrong with the last attempt; empty: there was none.
        is_logged_in: offer to log out instead.
    """
    values = {"title": "Log in", "here": "/login", "menu": (), "complaint": complaint, "is_logged_in": is_logged_in}
    return rendering.rendered(templates, "login.html.j2", **values, has_password=settings.web.password is not None)


def cookie_name(scheme: str, port: int) -> str:
    """Return the name of the cookie: browsers share cookies among the ports of a machine."""
    return f"{'__Host-' if scheme == 'https' else ''}collector_{port}"


def _cookies(headers: Iterable[str]) -> Iterable[tuple[str, str]]:
    for header in headers:
        for pair in header.split(";"):
            name, _, value = pair.partition("=")
            yield name.strip(), value.strip()


def _unfit(asked: _Asked) -> Response | None:
    length, kind = asked.only("content-length"), (asked.only("content-type") or "").partition(";")[0].strip().lower()
    # With both, the server takes the chunks and not the length.
    if length is None or not length.isdecimal() or "transfer-encoding" in asked.headers:
        return _refused(HTTPStatus.LENGTH_REQUIRED, "a form says how long it is")
    if int(length) > _LONGEST_FORM:
        return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too long a form")
    if kind != _FORM and int(length):
        return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"forms are {_FORM}")
    return None


def _origins(asked: _Asked) -> tuple[str, str]:
    """Return how a page of ours says where it is from; before us may be what encrypts for us."""
    host = (asked.only("host") or "").lower()
    return f"{asked.scheme}://{host}", f"https://{host}"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refused(code: HTTPStatus, words: str, **headers: str) -> Response:
    return PlainTextResponse(f"{words}\n", code, {"connection": "close", **headers})
