"""TLS: the certificate of the pages."""

import ssl
from pathlib import Path

from collector.config import WebSettings
from collector.config.section import refuse_exposed
from collector.domain.errors import ConfigurationError


def of_server(settings: WebSettings) -> ssl.SSLContext | None:
    """Return what the server encrypts with; None: nothing, its pages are http.

    Raises:
        ConfigurationError: certificate or key cannot be read, or do not belong together, or others can read the key.
    """
    if settings.certificate is None or settings.key is None:
        return None
    certificate, key = settings.certificate.expanduser(), settings.key.expanduser()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        refuse_exposed(key)
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl's own errors, too
        reason = error.strerror or str(error)
        raise ConfigurationError(
            f"web.certificate ({certificate}) and web.key ({key}) cannot be used: {reason}",
            "Name PEM files of a certificate and of its own key, the key without a passphrase.",
        ) from error
    return context


def of_client(certificate: Path) -> ssl.SSLContext:
    """Return what checks that a server on this machine is the one with this very certificate.

    Raises:
        OSError: it cannot be read.
    """
    context = ssl.create_default_context(cafile=str(certificate.expanduser()))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
