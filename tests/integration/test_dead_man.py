"""Pings over a real socket."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from collector.clock import SystemClock
from collector.config import DeadManSettings
from collector.domain.masking import Mask
from collector.domain.run_vocabulary import RunStatus, Window
from collector.notify.channels.dead_man import DeadMan
from collector.notify.reports import examples
from tests.support.fault_proxy import unused_port
from tests.support.http_peers import pings

SECRET = "0b1f-a-secret-uuid"  # noqa: S105 - the test's own


def switch(url: str, **more: object) -> DeadMan:
    """Return a dead man's switch."""
    settings = DeadManSettings.model_validate({"url": SecretStr(url), "timeout_s": 2.0, **more})
    return DeadMan(settings, SystemClock(), Mask([url]))


async def test_start_and_success_with_the_report_as_body() -> None:
    """A run's beginning pings /start, its success the address itself, with the text of its report."""
    async with pings() as received:
        pinged = switch(received.url(f"/{SECRET}"))
        assert await pinged.started(Window.EOD)
        assert await pinged.ended(examples.success())
    assert received.paths == [f"/{SECRET}/start", f"/{SECRET}"]
    assert received.bodies[0] == ""
    assert "SPY" in received.bodies[1]
    assert f"Host: 127.0.0.1:{received.port}" in received.heads[1]


async def test_any_text_can_be_pinged() -> None:
    """What UTF-8 cannot hold, or the service would cut in the middle, holds up no ping."""
    told = replace(examples.failed(), window=Window.EOD, host="\ud800", log_path="é" * 20_000 + "\ud800")
    async with pings() as received:
        assert await switch(received.url("/x")).ended(told)
    assert received.paths == ["/x/fail"]


@pytest.mark.parametrize("status", [RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.INTERRUPTED])
async def test_anything_but_success_is_a_failure(status: RunStatus) -> None:
    """Whatever else a run ended as pings /fail."""
    async with pings() as received:
        assert await switch(received.url("/x")).ended(replace(examples.failed(), window=Window.EOD, status=status))
    assert received.paths == ["/x/fail"]


async def test_only_the_windows_of_the_configuration_ping() -> None:
    """Other windows ping nobody; an empty list means all."""
    async with pings() as received:
        assert not await switch(received.url("/x")).started(Window.MORNING)
        assert not await switch(received.url("/x")).ended(replace(examples.success(), window=Window.MORNING))
        assert await switch(received.url("/x"), windows=[]).started(Window.MORNING)
    assert received.paths == ["/x/start"]


async def test_without_an_address_nothing_happens() -> None:
    """The default configuration pings nobody."""
    unused = DeadMan(DeadManSettings(), SystemClock(), Mask())
    assert not await unused.started(Window.EOD)
    assert not await unused.ended(examples.success())


async def test_a_query_and_a_login_in_the_address() -> None:
    """The suffix goes to the path, and a login becomes a header, never part of the host."""
    async with pings() as received:
        url = f"http://me:my%20word@127.0.0.1:{received.port}/x/?rid=7"
        assert await switch(url).started(Window.EOD)
    assert received.paths == ["/x/start?rid=7"]
    assert "Authorization: Basic bWU6bXkgd29yZA==" in received.heads[0]  # base64 of "me:my word", made by hand
    assert f"Host: 127.0.0.1:{received.port}\r" in received.heads[0]


async def test_an_end_is_told_twice_a_start_once() -> None:
    """A refused end is sent once more; a start is not worth the wait."""
    async with pings(statuses=[503]) as received:
        assert await switch(received.url("/x")).ended(examples.success())
    assert received.paths == ["/x", "/x"]
    async with pings(statuses=[503]) as received:
        assert not await switch(received.url("/x")).started(Window.EOD)
    assert received.paths == ["/x/start"]


async def test_a_silent_service_costs_its_time_out_only() -> None:
    """No answer is a failed ping after the configured seconds, and no error."""
    async with pings(silent=True) as received:
        begun = asyncio.get_running_loop().time()
        assert not await switch(received.url("/x"), timeout_s=0.2).started(Window.EOD)
        assert asyncio.get_running_loop().time() - begun < 1.5


async def test_failures_are_logged_without_the_address() -> None:
    """Nobody there: a warning names the host, never the secret path."""
    url = f"http://127.0.0.1:{unused_port()}/{SECRET}"
    with structlog.testing.capture_logs() as logged:
        assert not await switch(url).ended(examples.success())
    (entry,) = logged
    assert (entry["event"], entry["host"], entry["kind"]) == ("ping_failed", "127.0.0.1", "success")
    assert SECRET not in str(entry)


async def test_what_speaks_no_http() -> None:
    """Another protocol behind the address, or a connection closed at once, is a failed ping."""
    said = [b"220 mail ready\r\n", b""]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said.pop(0))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert not await switch(f"http://127.0.0.1:{port}/x").ended(examples.success())
    assert said == []


async def test_an_unknown_certificate_is_refused(tmp_path: Path) -> None:
    """Over https the certificate is checked: nobody reads reports by standing in between."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with structlog.testing.capture_logs() as logged:
            assert not await switch(f"https://localhost:{port}/x").started(Window.EOD)
    assert "CERTIFICATE_VERIFY_FAILED" in logged[0]["error"]


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
