"""The pages as `collector serve` shows them, for a process that a test makes up, and how to log in to them."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.app.acting.acts import Acts
from collector.app.acting.live import Live
from collector.app.condition import Condition
from collector.clock import Clock, SystemClock
from collector.config import Settings
from collector.web import serving_pages
from collector.web.access.keys import Keys
from collector.web.access.logins import Logins
from collector.web.context import Process
from tests.support.http_peers import get
from tests.support.window_runs import no_bar


def logins_in(folder: Path, clock: Clock | None = None) -> Logins:
    """Return logins whose key lies in a test's own folder; of real time unless a clock is given."""
    return Logins(Keys(folder / "logins.key"), clock or SystemClock())


@dataclass
class MadeUp:
    """A process that says what a test wants it to."""

    found: Condition = field(default_factory=lambda: Condition(problems=(), database_up=True))
    live: Live = field(default_factory=lambda: Live(SystemClock()))
    acts: Acts = field(init=False)

    def __post_init__(self) -> None:
        self.acts = Acts(Settings(), SystemClock(), self.live, no_bar)

    async def condition(self) -> Condition:
        """Say how things stand."""
        return self.found

    async def metrics(self) -> bytes:
        """Return a metric."""
        return b"collector_database_up 1\n"


@dataclass(frozen=True)
class Shown:
    """Pages that are shown. port: where; logins: what gives addresses and cookies for them."""

    port: int
    settings: Settings
    logins: Logins

    @property
    def site(self) -> str:
        """Their address."""
        return self.settings.site_at(self.port)

    @property
    def cookie(self) -> str:
        """The header of who has logged in."""
        return f"Cookie: collector_{self.port}={self.logins.cookie()}"

    async def get(self, path: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
        """Ask, with headers as they are sent; return status, headers (lower case) and body."""
        return await get(self.port, path, method, headers=headers)


@contextlib.asynccontextmanager
async def shown(
    folder: Path, process: Process | None = None, settings: Settings | None = None, clock: Clock | None = None
) -> AsyncIterator[Shown]:
    """Show a process for the length of a block, on a free port of this machine.

    Args:
        folder: of the test.
        process: what it says; all is well where there is none.
        settings: of it; the port is chosen anew.
        clock: of the logins.
    """
    given = Settings() if settings is None else settings
    placed = given.model_copy(update={"serve": given.serve.model_copy(update={"port": 0})})
    known = logins_in(folder, clock)
    endpoint = serving_pages.endpoint(placed, SystemClock(), known, counts_beforehand=False)
    async with endpoint(MadeUp() if process is None else process) as port:
        yield Shown(port, placed, known)


def settings_with(**sections: Any) -> Settings:  # noqa: ANN401 - sections
    """Return settings with sections of their own."""
    return Settings(**sections)
