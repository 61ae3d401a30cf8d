"""Another process that shows the pages already."""

import asyncio
import hmac
import secrets

from collector.config import Settings
from collector.domain.errors import ConfigurationError
from collector.web.access import certificates
from collector.web.access.logins import Logins

_PATIENCE_S = 3.0
_LONGEST_ANSWER = 65_536
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked about, not bound here


async def shows_pages(settings: Settings, logins: Logins) -> bool:
    """Tell whether who listens on `serve.port` has our key; a stranger is given no address to log in with.

    Raises:
        ConfigurationError: the certificate cannot be read.
    """
    host, port = settings.serve.host.strip("[]"), settings.serve.port
    if not port:
        return False
    question, certificate = secrets.token_urlsafe(16), settings.web.certificate
    try:
        tls = None if certificate is None else certificates.of_client(certificate)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(
            f"web.certificate ({certificate}) cannot be read: {reason}", "Name a PEM file that holds the certificate."
        ) from error
    request = f"GET /login/proof?of={question} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(_EVERYWHERE.get(host, host), port, ssl=tls)
            try:
                writer.write(request.encode())
                answer = b""
                while (more := await reader.read(_LONGEST_ANSWER)) and len(answer) < _LONGEST_ANSWER:
                    answer += more
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return hmac.compare_digest(answer.rpartition(b"\r\n\r\n")[2], logins.proof(port, question).encode())
