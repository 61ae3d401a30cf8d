"""Who gets at the pages: a matrix of forged requests, logins, the token, a password over TLS."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from structlog.testing import capture_logs

from collector.clock import SystemClock
from collector.config import ServeSettings, Settings, WebSettings
from collector.domain.errors import ConfigurationError
from collector.web import serving_pages
from collector.web.access import neighbours
from collector.web.context import Context, Readers
from tests.support.http_peers import get, sent
from tests.support.served_pages import MadeUp, Shown, logins_in, shown

TOKEN, PASSWORD = "the-token-of-the-reader", "a password of the owner"
PAGE = "/api/v1"
"""Needs a login, and no database."""

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is shown there needs TLS and a password
_POST = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Shown]:
    """Pages with a token and a name of their own."""
    settings = Settings(serve=ServeSettings(names=("monitor.lan",)), web=WebSettings(token=SecretStr(TOKEN)))
    async with shown(tmp_path, settings=settings) as opened:
        yield opened


async def test_who_has_logged_in_is_answered(pages: Shown) -> None:
    """By each name of this machine; without a cookie the page says how to log in, and programs get it as JSON."""
    for host in ("127.0.0.1", f"localhost:{pages.port}", "[::1]", "monitor.lan"):
        status, headers, body = await get(pages.port, PAGE, host=host, headers=[pages.cookie])
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert json.loads(body)
    status, headers, body = await pages.get("/")
    assert (status, "collector web" in body, headers["www-authenticate"]) == (401, True, "Bearer")
    status, headers, body = await pages.get(PAGE)
    assert (status, headers["content-type"]) == (401, "application/json; charset=utf-8")
    assert "token" in json.loads(body)["hint"]


def _cookie_of_another_key(pages: Shown) -> str:
    other = logins_in(Path(pages.logins._keys._path).parent / "other")
    return f"Cookie: collector_{pages.port}={other.cookie()}"


def _cookie_that_has_ended(pages: Shown) -> str:
    class Then(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(days=31)

    old = type(pages.logins)(pages.logins._keys, Then())
    return f"Cookie: collector_{pages.port}={old.cookie()}"


@pytest.mark.parametrize(
    "cookie",
    [
        lambda _: "Cookie: none=",
        lambda pages: f"Cookie: collector_{pages.port}=",
        lambda pages: pages.cookie[:-1],
        lambda pages: pages.cookie + "A",
        lambda pages: pages.cookie.replace(f"_{pages.port}=", f"_{pages.port + 1}="),
        lambda pages: pages.cookie.replace("collector_", "__Host-collector_"),
        lambda pages: pages.cookie.replace("Cookie: ", "Cookie: Collector_8321=x; ").replace("collector_", "other_"),
        lambda pages: f"Cookie: collector_{pages.port}={urlsplit(pages.logins.address(pages.site)).query[4:]}",
        _cookie_of_another_key,
        _cookie_that_has_ended,
    ],
    ids=["none", "empty", "cut", "longer", "port", "prefix", "name", "address", "key", "ended"],
)
async def test_a_forged_cookie_is_none(cookie: Callable[[Shown], str], pages: Shown) -> None:
    """Whatever is not a cookie of ours for this port that has not ended is not let in anywhere."""
    for path in ("/", PAGE, "/schedule", "/runs", "/no-such-page"):
        assert (await pages.get(path, cookie(pages)))[0] == 401, path


async def test_a_stray_cookie_keeps_nobody_out(pages: Shown) -> None:
    """Another program on this machine can set a cookie of our name; the good one beside it counts."""
    good = pages.cookie.removeprefix("Cookie: ")
    for cookies in (f"collector_{pages.port}=x; {good}", f"{good}; collector_{pages.port}=x"):
        assert (await pages.get(PAGE, f"Cookie: {cookies}"))[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.2", _EVERYWHERE, "[2001:db8::1]", "", "localhost."]
)
async def test_a_forged_host_is_refused(host: str, pages: Shown) -> None:
    """Whoever has logged in, too: a web page that has turned its own name into our address reads nothing."""
    for path in ("/", PAGE, "/static/pages.css", "/login", "/healthz"):
        assert (await get(pages.port, path, host=host, headers=[pages.cookie]))[0] == 421, path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        (["Sec-Fetch-Site: same-origin"], 200),
        (["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 200),
        (["Origin: http://127.0.0.1"], 200),
        (["Origin: http://evil.example"], 403),
        (["Origin: null"], 403),
        (["Origin: http://127.0.0.1:1"], 403),
        (["Origin: http://127.0.0.1", "Origin: http://127.0.0.1"], 403),
        (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors"], 403),
        (["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: of-the-future"], 403),
        (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], 403),
        (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"], 403),
        (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 403),
    ],
)
async def test_other_sites_read_nothing(headers: list[str], status: int, pages: Shown) -> None:
    """What another site makes a browser ask for is refused, even a visit where there is JSON instead of a page."""
    assert (await pages.get(PAGE, pages.cookie, *headers))[0] == status


async def test_a_link_in_a_mail_leads_to_the_page(pages: Shown) -> None:
    """The browser sends no cookie along; the answer lets it ask again as from a page of ours, and shows nothing."""
    visit = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    status, _, body = await pages.get("/runs/17?a=%22%3Cscript", *visit)
    assert (status, '<meta http-equiv="refresh" content="0; url=/runs/17?a=%22%3Cscript">' in body) == (401, True)
    assert (await pages.get("/no-such-page", pages.cookie, *visit))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"])
async def test_nothing_but_get(method: str, pages: Shown) -> None:
    """No other method reaches a page, whoever asks."""
    own = (pages.cookie, "Origin: http://127.0.0.1", "Content-Length: 0", _POST)
    for path in ("/", PAGE, "/schedule", "/healthz", "/metrics", "/static/pages.css"):
        status, headers, _ = await pages.get(path, *own, method=method)
        assert (status, headers["allow"]) == (405, "GET, HEAD"), path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Origin: http://127.0.0.1"], 404),
        (["Origin: http://127.0.0.1", "Sec-Fetch-Site: same-origin"], 404),
        (["Origin: https://127.0.0.1"], 404),
        ([], 403),
        (["Sec-Fetch-Site: same-origin"], 403),
        (["Origin: null"], 403),
        (["Origin: http://evil.example"], 403),
        (["Origin: http://localhost"], 403),
        (["Origin: http://127.0.0.1.evil.example"], 403),
        (["Origin: http://127.0.0.1:8080"], 403),
        (["Origin: http://127.0.0.1", "Sec-Fetch-Site: cross-site"], 403),
        (["Origin: http://127.0.0.1", "Sec-Fetch-Site: none"], 403),
        (["Origin: http://127.0.0.1", "Origin: http://evil.example"], 403),
    ],
)
async def test_forms_come_from_our_own_pages(headers: list[str], status: int, pages: Shown) -> None:
    """A form that another site sends for the owner does nothing; one of ours gets as far as the acts that there are."""
    found = await get(pages.port, "/acts/none/cancel", "POST", headers=[pages.cookie, *headers], form="a=1")
    assert found[0] == status


async def test_forms_need_a_login_and_are_small(pages: Shown) -> None:
    """Neither a stranger nor a program acts, and no form fills the memory."""
    own = "Origin: http://127.0.0.1"
    assert (await get(pages.port, "/acts", "POST", headers=[own], form="a=1"))[0] == 401
    for_all = (f"Authorization: Bearer {TOKEN}", own)
    assert (await get(pages.port, "/acts", "POST", headers=for_all, form="a=1"))[0] == 403
    for headers, status in (
        ((), 411),
        (("Content-Length: 1000000", _POST), 413),
        (("Content-Length: 2", "Content-Type: text/plain"), 415),
        (("Transfer-Encoding: chunked", _POST), 411),
        (("Content-Length: 2", "Transfer-Encoding: chunked", _POST), 411),
    ):
        for path in ("/acts", "/login"):
            assert (await pages.get(path, pages.cookie, own, *headers, method="POST"))[0] == status


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "//schedule",
        "/schedule//",
        "/static/../schedule",
        "/static/%2e%2e/%2e%2e/site.py",
        "/static/%2e%2e%2fsite.py",
        "/static/..%5csite.py",
        "/./schedule",
        "/static%2fpages.css",
        "/sched%00ule",
        "/a%0d%0aSet-Cookie:x",
        "/gaps?symbol=SPY%00",
        "http://127.0.0.1/schedule",
        "http://evil.example/schedule",
        "*",
        "schedule",
    ],
)
async def test_a_tricky_path_is_refused(target: str, pages: Shown) -> None:
    """What could mean one path to us and another to something before us is none."""
    head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{pages.cookie}\r\n\r\n"
    status, headers, _ = await sent(pages.port, head.encode())
    assert (status, "set-cookie" in headers, "location" in headers) == (400, False, False)


async def test_every_answer_is_hardened(pages: Shown) -> None:
    """Policy, types and referrers are said with refusals, redirects, files and pages alike; files can be kept."""
    asked = [
        await pages.get("/static/pages.css"),
        await pages.get("/"),
        await pages.get(PAGE, pages.cookie),
        await pages.get("/no-such-page", pages.cookie),
        await get(pages.port, "/", host="evil.example"),
        await pages.get("/login"),
        await pages.get("/healthz"),
    ]
    assert [status for status, _, _ in asked] == [200, 401, 200, 404, 421, 200, 200]
    for _, headers, _ in asked:
        assert "script-src 'self'; style-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["date"].endswith(" GMT")
        assert "server" not in headers
    assert [headers["cache-control"] for _, headers, _ in asked] == ["no-cache", *["no-store"] * 6]
    status, headers, _ = await sent(pages.port, b"no request\r\n\r\n")
    assert (status, headers["x-content-type-options"]) == (400, "nosniff")
    assert headers["content-security-policy"] == asked[0][1]["content-security-policy"]
    again = await pages.get("/static/pages.css", f"If-None-Match: {asked[0][1]['etag']}")
    assert (again[0], again[2]) == (304, "")


async def test_the_head_of_a_stream_is_all_of_it(pages: Shown) -> None:
    """Who asks for the head of what never ends is not kept waiting for its end."""
    async with asyncio.timeout(3):
        status, headers, body = await pages.get("/live", pages.cookie, method="HEAD")
    assert (status, headers["content-type"], body) == (200, "text/event-stream; charset=utf-8", "")


async def test_a_stream_ends_with_its_login(pages: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key ends what is open, too, and nobody takes it for a fault."""
    monkeypatch.setattr("collector.web.live.LOOK_S", 0.05)
    monkeypatch.setattr("collector.web.live._KEEP_ALIVE", 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", pages.port)
    writer.write(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{pages.cookie}\r\n\r\n".encode())
    with capture_logs() as events:
        async with asyncio.timeout(5):
            await reader.readuntil(b": nothing new\n\n")
            pages.logins.end_all()
            assert (await reader.read()).endswith(b"\r\n0\r\n\r\n")
    writer.close()
    assert {one["log_level"] for one in events} <= {"debug"}


async def test_an_address_logs_a_browser_in_once(pages: Shown) -> None:
    """It leads to the first page without the key in it; looking at it uses nothing up, using it does."""
    path = pages.logins.address(pages.site).removeprefix(pages.site)
    assert (await pages.get(path, method="HEAD"))[0] == 200
    status, headers, _ = await pages.get(path)
    assert (status, headers["location"], headers["referrer-policy"]) == (303, "/", "no-referrer")
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert cookie.startswith(f"collector_{pages.port}=")
    assert set(attributes) == {"HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=strict"}
    assert (await pages.get(PAGE, f"Cookie: {cookie}"))[0] == 200
    status, headers, body = await pages.get(path)
    assert (status, "set-cookie" in headers, "has been used" in body) == (401, False, True)


async def test_a_key_is_in_no_log(pages: Shown, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the key of an address nor a cookie, good or bad."""
    with caplog.at_level("DEBUG"):
        path = pages.logins.address(pages.site).removeprefix(pages.site)
        for _ in range(2):
            await pages.get(path, pages.cookie)
    for secret in (path.partition("=")[2], pages.cookie.partition("=")[2]):
        assert secret not in caplog.text


async def test_logging_out(pages: Shown) -> None:
    """The browser forgets its cookie; a new key ends every login at once."""
    cookie = pages.cookie
    status, headers, _ = await get(pages.port, "/logout", "POST", headers=[cookie, "Origin: http://127.0.0.1"], form="")
    assert (status, headers["location"], "Max-Age=0" in headers["set-cookie"]) == (303, "/login", True)
    assert (await pages.get("/logout", cookie))[0] == 405
    pages.logins.end_all()
    assert (await pages.get(PAGE, cookie))[0] == 401


@pytest.mark.parametrize(
    ("header", "path", "method", "status"),
    [
        (f"Authorization: Bearer {TOKEN}", PAGE, "GET", 200),
        (f"authorization: bearer {TOKEN}", PAGE, "HEAD", 200),
        (f"Authorization: Bearer {TOKEN}", "/", "GET", 403),
        (f"Authorization: Bearer {TOKEN}", "/schedule", "GET", 403),
        (f"Authorization: Bearer {TOKEN}", "/api", "GET", 403),
        (f"Authorization: Bearer {TOKEN}", PAGE, "POST", 405),
        (f"Authorization: Bearer {TOKEN}", PAGE, "DELETE", 405),
        (f"Authorization: Bearer {TOKEN[:-1]}", PAGE, "GET", 401),
        (f"Authorization: Bearer {TOKEN}x", PAGE, "GET", 401),
        (f"Authorization: Basic {TOKEN}", PAGE, "GET", 401),
        ("Authorization: Bearer", PAGE, "GET", 401),
        (f"Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}", PAGE, "GET", 401),
        (f"Cookie: token={TOKEN}", PAGE, "GET", 401),
    ],
)
async def test_the_readers_token(header: str, path: str, method: str, status: int, pages: Shown) -> None:
    """It reads below /api/v1 by GET, and nothing else; in an address it is worth nothing."""
    assert (await pages.get(path, header, method=method))[0] == status
    assert (await pages.get(f"{PAGE}?token={TOKEN}"))[0] == 401


async def test_without_a_token_nothing_is_one(tmp_path: Path) -> None:
    """An empty one neither."""
    async with shown(tmp_path) as pages:
        for header in ("Authorization: Bearer ", "Authorization: Bearer None", "Authorization: Bearer"):
            assert (await pages.get(PAGE, header))[0] == 401
        assert (await pages.get(PAGE, pages.cookie, "Authorization: Bearer x"))[0] == 401


async def test_read_only_pages_take_no_form(tmp_path: Path) -> None:
    """Nothing can be started with web.read_only; logging out can be."""
    own = "Origin: http://127.0.0.1"
    async with shown(tmp_path, settings=Settings(web=WebSettings(read_only=True))) as pages:
        status, _, body = await get(pages.port, "/acts", "POST", headers=[pages.cookie, own], form="a=1")
        assert (status, "web.read_only" in body) == (403, True)
        assert (await get(pages.port, "/logout", "POST", headers=[pages.cookie, own], form=""))[0] == 303


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for collector.lan and 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector.lan")])
    names = x509.SubjectAlternativeName([x509.DNSName("collector.lan"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "collector.pem", folder / "collector.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.touch(0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def secured(certificate: tuple[Path, Path]) -> Settings:
    """Return settings that open the pages to the network."""
    web = WebSettings(certificate=certificate[0], key=certificate[1], password=SecretStr(PASSWORD))
    return Settings(serve=ServeSettings(host=_EVERYWHERE, names=("collector.lan",)), web=web)


async def asked_securely(
    port: int, certificate: Path, path: str, *headers: str, form: str | None = None
) -> tuple[int, dict[str, str], str]:
    """Ask over TLS as a client on the network does, which checks the certificate and its name."""
    context = ssl.create_default_context(cafile=str(certificate))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="collector.lan")
    lines = [f"{'GET' if form is None else 'POST'} {path} HTTP/1.1", f"Host: collector.lan:{port}", "Connection: close"]
    if form is not None:
        lines += [f"Origin: https://collector.lan:{port}", _POST, f"Content-Length: {len(form)}"]
    writer.write("\r\n".join([*lines, *headers, "", form or ""]).encode())
    raw = (await reader.read()).decode()
    writer.close()
    head, _, body = raw.partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}, body


async def test_a_password_over_tls(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """The page of logins takes it; the cookie is for TLS alone; who was wrong waits before the next attempt."""
    async with shown(tmp_path, settings=secured(certificate)) as pages:
        assert pages.site == f"https://collector.lan:{pages.port}"
        status, _, body = await asked_securely(pages.port, certificate[0], "/")
        assert (status, 'type="password"' in body) == (401, True)
        found = await asked_securely(pages.port, certificate[0], "/login", form="password=a+password+of+the+owner")
        assert (found[0], found[1]["location"]) == (303, "/")
        cookie, *attributes = found[1]["set-cookie"].split("; ")
        assert cookie.startswith(f"__Host-collector_{pages.port}=")
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(attributes)
        assert (await asked_securely(pages.port, certificate[0], PAGE, f"Cookie: {cookie}"))[0] == 200
        wrong = await asked_securely(pages.port, certificate[0], "/login", form="password=a+guess")
        assert (wrong[0], "set-cookie" in wrong[1]) == (401, False)
        soon = await asked_securely(pages.port, certificate[0], "/login", form="password=a+password+of+the+owner")
        assert (soon[0], soon[1]["retry-after"]) == (429, "1")
        with pytest.raises((ConnectionError, IndexError)):  # who speaks no TLS gets no answer at all
            await get(pages.port, "/healthz")


async def test_guesses_side_by_side_count_one_by_one(tmp_path: Path) -> None:
    """Of those whose forms arrive when all have been announced, the first is tried, and the others wait."""
    guess = "password=a+password+of+the+owner"
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n{_POST}\r\n"
    async with shown(tmp_path, settings=Settings(web=WebSettings(password=SecretStr(PASSWORD)))) as pages:
        clients = [await asyncio.open_connection("127.0.0.1", pages.port) for _ in range(3)]
        for _, writer in clients:  # the server says when it waits for a form
            writer.write(f"{head}Expect: 100-continue\r\nContent-Length: {len(guess)}\r\n\r\n".encode())
        for reader, _ in clients:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        answers = []
        for (reader, writer), form in zip(clients, (guess[:-1] + "x", guess[:-1] + "y", guess), strict=True):
            writer.write(form.encode())
            answers.append(int((await reader.readuntil(b"\r\n\r\n")).split()[1]))
            writer.close()
    assert answers == [401, 429, 429]


async def test_health_is_for_this_machine_only(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client on the network needs a login for health and metrics, too."""
    settings = secured(certificate)
    async with shown(tmp_path, settings=settings) as pages:
        assert (await asked_securely(pages.port, certificate[0], "/healthz"))[0] == 200
        # No second machine is at hand: the guard is told of one.
        monkeypatch.setattr("collector.web.access.guard._is_loopback", lambda _: False)
        for path in ("/healthz", "/metrics"):
            assert (await asked_securely(pages.port, certificate[0], path))[0] == 401


async def test_a_certificate_that_is_none(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """One that is not there, another's key, or a key that others can read: told by name, and nothing listens."""
    open_key, other = tmp_path / "open.key", tmp_path / "other.key"
    open_key.write_bytes(certificate[1].read_bytes())
    open_key.chmod(0o644)
    other.touch(0o600)
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    for pair, words in (
        ((tmp_path / "absent.pem", certificate[1]), r"absent\.pem.*No such file"),
        ((certificate[0], other), r"web\.key \(.*other\.key\)"),
        ((certificate[0], open_key), "can be read by other users"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            async with shown(tmp_path, settings=secured(pair)):
                pass
    absent = WebSettings(certificate=tmp_path / "absent.pem", key=other)
    here = secured(certificate).model_copy(update={"web": absent, "serve": ServeSettings(port=9)})
    with pytest.raises(ConfigurationError, match=r"absent\.pem.*No such file"):
        await neighbours.shows_pages(here, logins_in(tmp_path / "asked"))


async def test_a_process_of_the_same_account_is_known(
    pages: Shown, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """By its key, over TLS as well; a stranger on the port is given no address, whatever it answers."""
    here = pages.settings.model_copy(update={"serve": ServeSettings(port=pages.port)})
    assert await neighbours.shows_pages(here, pages.logins)
    assert not await neighbours.shows_pages(here, logins_in(tmp_path / "other"))

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 43)
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as stranger:
        port = stranger.sockets[0].getsockname()[1]
        there = pages.settings.model_copy(update={"serve": ServeSettings(port=port)})
        assert not await neighbours.shows_pages(there, pages.logins)
    assert not await neighbours.shows_pages(there, pages.logins)  # nobody is there any more

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked, there = await asyncio.open_connection("127.0.0.1", pages.port)
        there.write(await reader.readuntil(b"\r\n\r\n"))
        writer.write(await asked.read())
        there.close()
        writer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as stranger:
        there = there.model_copy(update={"serve": ServeSettings(port=stranger.sockets[0].getsockname()[1])})
        assert not await neighbours.shows_pages(there, pages.logins)
    async with shown(tmp_path, settings=secured(certificate)) as tls:
        over = secured(certificate)
        over = over.model_copy(update={"serve": ServeSettings(host=_EVERYWHERE, port=tls.port)})
        assert await neighbours.shows_pages(over, tls.logins)


async def test_who_may_act(tmp_path: Path) -> None:
    """The owner, unless pages are read-only; the token never; and what one request may is nothing to another."""
    found: list[bool] = []

    class Seen(MadeUp):
        context: Context

        async def metrics(self) -> bytes:
            found.append(self.context.may_act)
            return b""

    for read_only in (False, True):
        settings = Settings(serve=ServeSettings(port=0), web=WebSettings(read_only=read_only, token=SecretStr(TOKEN)))
        process, readers, known = Seen(), Readers(settings, SystemClock()), logins_in(tmp_path)
        process.context = Context(settings=settings, clock=SystemClock(), process=process, readers=readers)
        async with serving_pages.shown(process.context, known) as port:
            pages = Shown(port, settings, known)
            for headers in ([pages.cookie], [], [f"Authorization: Bearer {TOKEN}"]):
                await pages.get("/metrics", *headers)
    assert found == [True, False, False, False, False, False]
