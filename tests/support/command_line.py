"""The command as people start it: a home, a configuration and a time of its own, and a simulated gateway beside it."""

import asyncio
import contextlib
import io
import json
import logging
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog

from collector.cli.main import _code_of
from collector.clock import Clock
from collector.db.server import embedded
from collector.simulator.launch import start
from collector.simulator.scenarios import Scenario
from collector.simulator.server import Gateway
from tests.support.fixtures_simulator import AFTER_THE_CLOSE
from tests.support.server_folders import server_folder

COMMAND = (sys.executable, "-m", "collector")

NARROW = """
symbols: [PLTR]
selection:
  horizon_days: 4
  regimes:
    - band: 0.004
      min_strikes: 5
"""
"""Ten contracts, all of which expire on that Friday."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """What was printed, as JSON."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log lines; every line of standard error must be one."""
        return [json.loads(line) for line in self.err.splitlines()]

    @property
    def complaint(self) -> str:
        """The one line that says why the command did not do what it was asked for, without its beginning.

        Beside it and its hint there are log lines only, and nowhere a traceback.
        """
        assert "Traceback" not in self.out + self.err
        lines = [line for line in self.err.splitlines() if not line.startswith("{")]
        assert 1 <= len(lines) <= 2, self.err
        assert lines[0].startswith("collector: "), self.err
        assert all(line.startswith("  ") and line.strip() for line in lines[1:]), self.err
        return lines[0].removeprefix("collector: ")


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with everything that a user's account has of the collector: configuration, database, logs, caches.

    clock: what time the command believes it is; a moving one is read whenever a command starts. port: the gateway's.
    more: further variables. words: how the command itself is called.
    """

    folder: Path
    clock: Clock | None = None
    port: int = 1
    more: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = COMMAND

    @property
    def data_dir(self) -> Path:
        """Where the embedded server keeps its files by default."""
        return self.folder / "data/collector/postgres"

    @property
    def config(self) -> Path:
        """The configuration that the command finds in its working directory."""
        return self.folder / "config.yaml"

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a command: none of ours is inherited but where programs are."""
        now = AFTER_THE_CLOSE if self.clock is None else self.clock.now()
        kinds = ("config", "data", "cache", "state")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            **{f"XDG_{kind.upper()}_HOME": str(self.folder / kind) for kind in kinds},
            "COLUMNS": "200",
            "COLLECTOR_CLOCK": now.isoformat(),
            "COLLECTOR_GATEWAY__PORT": str(self.port),
            **self.more,
        }

    def run(self, *words: str, before: Sequence[str] = ()) -> Done:
        """Run the command to its end in a process of its own."""
        done = subprocess.run(
            [*before, *self.words, *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=100,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, *words: str, until: str = "") -> Done:
        """Run the command with a terminal of 120 columns as its standard streams; what it shows is `out`.

        Args:
            words: its arguments.
            until: once it has shown this it is ended as by Ctrl-C; by default it ends by itself.
        """
        mine, its = pty.openpty()
        termios.tcsetwinsize(its, (40, 120))
        command = subprocess.Popen(
            [*self.words, *words],
            cwd=self.folder,
            env={**self.environment(), "TERM": "xterm-256color", "COLUMNS": "120"},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        shown = bytearray()
        with contextlib.suppress(OSError):  # how Linux says that nobody holds the other end any more
            while part := os.read(mine, 65536):
                shown += part
                if until and until.encode() in shown:
                    command.send_signal(signal.SIGINT)
                    until = ""
        os.close(mine)
        return Done(command.wait(60), shown.decode("utf-8", "replace"), "")

    def start(self, *words: str, **more: str) -> "subprocess.Popen[str]":
        """Start the command in a process of its own; `more` are environment variables."""
        return subprocess.Popen(
            [*self.words, *words],
            cwd=self.folder,
            env=self.environment() | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def call(self, capsys: pytest.CaptureFixture[str], *words: str, **more: str) -> Done:
        """Run the command's own code in this process: the same, but for the seconds that a start costs.

        Args:
            capsys: catches what it prints.
            words: its arguments.
            more: variables of its environment; `__` separates sections as usual.
        """
        capsys.readouterr()
        code = self._in_this_process(words, more)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    def call_aside(self, *words: str) -> Done:
        """Do as `call` does, for a fixture: what is printed is caught without a test's help."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = self._in_this_process(words, {})
        return Done(code, out.getvalue(), err.getvalue())

    def _in_this_process(self, words: Sequence[str], more: Mapping[str, str]) -> int:
        """Run the command's own code in its environment; return its exit code."""
        with pytest.MonkeyPatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, value in {**self.environment(), **more}.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            try:
                with structlog.contextvars.bound_contextvars():
                    return int(_code_of(words))
            finally:
                _close_log()


def _close_log() -> None:
    """Take away the log that a command has set up, so that it does not write to a stream that is gone."""
    root = logging.getLogger()
    for handler in [*root.handlers]:
        if getattr(handler, "from_collector", False):
            root.removeHandler(handler)
            handler.close()
    structlog.reset_defaults()


@contextmanager
def home(clock: Clock | None = None, port: int = 1, config: str = NARROW, **more: str) -> Iterator[Home]:
    """Make a home; its embedded server is stopped and everything removed afterwards."""
    made = Home(server_folder("collector-home-"), clock, port, more)
    try:
        made.config.write_text(config, encoding="utf-8")
        yield made
    finally:
        embedded.stop(made.data_dir)
        shutil.rmtree(made.folder, ignore_errors=True)


@contextmanager
def gateway_beside(clock: Clock, scenarios: Sequence[Scenario | str] = ()) -> Iterator[Gateway]:
    """Run a simulated gateway on an event loop of its own, so that the test may wait for a command."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway")
    thread.start()
    try:
        gateway = asyncio.run_coroutine_threadsafe(start(clock=clock, scenarios=scenarios), loop).result(60)
        try:
            yield gateway
        finally:
            asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
