"""One HTTP POST, and its answer."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, unquote

from collector import __version__

_LONGEST_WORDS = 1000
"""Bytes of an answer's body that are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """status: of HTTP. words: the beginning of a refusal's body; it may quote what was posted, secrets included."""

    status: int
    words: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the request was taken; a redirection is none, and is not followed."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


async def post(url: SplitResult, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
    """Post a body and return what was answered.

    Args:
        url: http or https; over https the certificate is checked. A login in it becomes a header.
        body: what to send.
        headers: besides the usual ones, Content-Type among them.
        timeout_s: seconds for all of it.

    Raises:
        TimeoutError: no answer in that time.
        OSError: no connection, or it broke.
        ValueError: what answered speaks no HTTP, or a header would break the request.
    """
    answer = None
    try:
        async with asyncio.timeout(timeout_s):
            tls = url.scheme == "https"
            port = url.port or (443 if tls else 80)
            reader, writer = await asyncio.open_connection(url.hostname, port, ssl=tls or None)
            try:
                writer.write(_head(url, len(body), headers) + body)
                await writer.drain()
                answer = Answer(_status(await reader.readline()))
                return answer if answer.ok else Answer(answer.status, await _words(reader))
            finally:
                # Nothing more is wanted, and a polite TLS farewell could take as long as it likes.
                writer.transport.abort()
    except TimeoutError:
        if answer is None:
            raise
        return answer  # the status has said what matters


def _status(line: bytes) -> int:
    if not line:
        raise ConnectionError("the connection was closed without an answer")
    words = line.decode("latin-1").split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():  # noqa: PLR2004
        raise ValueError("what answered speaks no HTTP")
    return int(words[1])


async def _words(reader: asyncio.StreamReader) -> str:
    """Return the beginning of the body, "" if it breaks off."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            await reader.readline()  # the first chunk's length; one chunk tells enough
        body = await reader.read(_LONGEST_WORDS)
    except (OSError, ValueError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        return ""
    return body.decode("utf-8", "replace")


def _head(url: SplitResult, length: int, headers: Mapping[str, str]) -> bytes:
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {url.netloc.rpartition('@')[2]}",
        f"User-Agent: collector/{__version__}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {length}",
        "Connection: close",
    ]
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    if any(char in line for line in lines for char in "\r\n\0"):
        raise ValueError("a header holds a line end")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
