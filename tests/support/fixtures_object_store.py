"""Fixtures: real servers that speak S3, Google's and Azure's interfaces, and buckets on them."""

import base64
import hashlib
import hmac
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest

from collector.config import ArchiveSettings
from tests.support.fault_proxy import unused_port

ACCESS_KEY_ID = "AKIAEXAMPLE000000001"
SECRET_ACCESS_KEY = "open/sesame+0000000000000000000000000001"  # noqa: S105 - of a server on this machine

_SERVER = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

SIGNED = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
stores = DomainDispatcherApplication(create_backend_app)

def answered(environ, start_response):
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"):
        environ["HTTP_AUTHORIZATION"] = SIGNED
    return stores(environ, start_response)

run_simple("127.0.0.1", int(sys.argv[1]), answered, threaded=True)
"""
"""moto's S3; Google's XML interface is S3's but for how a request is signed, of which moto knows nothing."""

_AZURITE = os.environ.get("COLLECTOR_AZURITE") or shutil.which("azurite-blob")
_AZURITE_WORDS = [
    "--inMemoryPersistence",
    "--skipApiVersionCheck",
    "--silent",
    "--disableTelemetry",
    "--blobHost",
    "127.0.0.1",
]
_AZURITE_ACCOUNT = "devstoreaccount1"
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket of a server on this machine.

    port: the server's. name: of three characters or more, as S3 wants it; without hyphens, which moto takes for
    something else where a slash of the object's name is encoded.
    """

    port: int
    name: str = field(default_factory=lambda: f"bars{os.getpid()}x{next(_NUMBERS)}")

    @property
    def url(self) -> str:
        """The place that tests write to."""
        return f"s3://{self.name}/archive"

    def settings(self, *, port: int | None = None, place: str | None = None, **others: Any) -> ArchiveSettings:  # noqa: ANN401 - as for the section
        """Return settings whose place it is, by way of another port where one is given."""
        return ArchiveSettings.model_validate(
            {
                "place": place or self.url,
                "s3": {
                    "endpoint": f"http://127.0.0.1:{port or self.port}",
                    "region": "us-east-1",
                    "access_key_id": ACCESS_KEY_ID,
                    "secret_access_key": SECRET_ACCESS_KEY,
                },
                **others,
            }
        )

    def google(self) -> ArchiveSettings:
        """Return settings that reach it by Google's interface."""
        endpoint = f"http://127.0.0.1:{self.port}"
        key = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": ""}
        return ArchiveSettings.model_validate(
            {
                "place": f"gs://{self.name}/archive",
                "gcs": {"endpoint": endpoint, "service_account_key": json.dumps({**key, "private_key_id": ""})},
            }
        )

    def asked(self, path: str = "", method: str = "GET") -> str:
        """Ask the server without the code under test: for a list of uploads ("?uploads"), say."""
        return self.bytes(path, method).decode()

    def bytes(self, path: str, method: str = "GET") -> bytes:
        """Return what the server answers, as it is; see `asked`."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{self.name}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            content: bytes = answer.read()
            return content


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Run moto's S3 server; give its port."""
    port = unused_port()
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listener(server, port)
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Make an empty bucket, and take from the environment what clouds' libraries read there."""
    without_cloud_variables(monkeypatch)
    made = Bucket(s3_port)
    made.asked(method="PUT")
    return made


@pytest.fixture(scope="session")
def azurite_port() -> Iterator[int]:
    """Run Azurite, Microsoft's own emulator of Azure's Blob Storage; give its port."""
    if _AZURITE is None:
        pytest.skip("azurite-blob is not on the PATH (npm install --global azurite), nor named by COLLECTOR_AZURITE")
    port = unused_port()
    server = subprocess.Popen(
        [_AZURITE, *_AZURITE_WORDS, "--blobPort", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listener(server, port)
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def azure(azurite_port: int, monkeypatch: pytest.MonkeyPatch) -> ArchiveSettings:
    """Make an empty container of Azure's; return settings whose place it is."""
    without_cloud_variables(monkeypatch)
    container, now = f"bars-{next(_NUMBERS)}", formatdate(usegmt=True)
    resource = f"/{_AZURITE_ACCOUNT}/{container}"
    signed = (
        f"PUT{12 * chr(10)}x-ms-date:{now}\nx-ms-version:2021-08-06\n/{_AZURITE_ACCOUNT}{resource}\nrestype:container"
    )
    signature = base64.b64encode(hmac.digest(base64.b64decode(_AZURITE_KEY), signed.encode(), hashlib.sha256)).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{azurite_port}{resource}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": now,
            "x-ms-version": "2021-08-06",
            "Authorization": f"SharedKey {_AZURITE_ACCOUNT}:{signature}",
        },
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - of this machine
    return ArchiveSettings.model_validate(
        {
            "place": f"az://{container}/archive",
            "azure": {
                "endpoint": f"http://127.0.0.1:{azurite_port}/{_AZURITE_ACCOUNT}",
                "account": _AZURITE_ACCOUNT,
                "account_key": _AZURITE_KEY,
            },
        }
    )


def without_cloud_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take from the environment what the libraries of clouds read there."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)


def _await_listener(server: subprocess.Popen[bytes], port: int) -> None:
    limit = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert server.poll() is None, "moto's server ended"
            assert time.monotonic() < limit, "moto's server does not listen"
            time.sleep(0.05)
        else:
            return
