"""Fixtures: a real server that speaks S3, and buckets on it."""

import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from collector.config import ArchiveSettings
from tests.support.fault_proxy import unused_port

ACCESS_KEY_ID = "AKIAEXAMPLE000000001"
SECRET_ACCESS_KEY = "open/sesame+0000000000000000000000000001"  # noqa: S105 - of a server on this machine

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket of a server on this machine.

    port: the server's. name: of three characters or more, as S3 wants it.
    """

    port: int
    name: str = field(default_factory=lambda: f"bars-{os.getpid()}-{next(_NUMBERS)}")

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

    def asked(self, path: str = "", method: str = "GET") -> str:
        """Ask the server without the code under test: for a list of uploads ("?uploads"), say."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{self.name}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            text: str = answer.read().decode()
            return text


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Run moto's S3 server; return its port."""
    port = unused_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
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
