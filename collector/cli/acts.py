"""Put on record what a person makes the collector do."""

import asyncio
import os
import pwd
import shlex
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import structlog
import typer

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import operator_actions
from collector.db.bookkeeping.operator_actions import ActionOutcome
from collector.db.connection import pool
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask

log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")

ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Why, for the record of what people did: collector db actions.")
]


@dataclass(slots=True)
class Act:
    """A person's act while it is at work: what its work finds out for the record.

    run_id: the run that it started. error: what stopped it, where that was not raised.
    """

    run_id: int | None = None
    error: BaseException | None = None


def on_record(
    context: typer.Context,
    settings: Settings,
    clock: Clock,
    reason: str | None,
    work: Callable[[Act], Coroutine[Any, Any, ResultT]],
) -> ResultT:
    """Do what a person asked for, and keep who, when, what, why and how it ended in `operator_actions`.

    What cannot be recorded is done all the same: the log says so.

    Args:
        context: of the command; bears the arguments as they were typed.
        settings: which database, and the secrets that no record may hold.
        clock: stamps the record.
        reason: the person's own words.
        work: does it.

    Raises:
        Interrupted, and what the work raises.
    """
    mask = Mask(settings.secrets)
    return opening.run_until_signalled(_recorded(_Record(settings, clock, mask, _typed(context), reason or ""), work))


def _typed(context: typer.Context) -> str:
    return shlex.join(["collector", *context.find_root().obj])


@dataclass(slots=True)
class _Record:
    """One act's row, written when the act begins; by its end where there was no table before."""

    settings: Settings
    clock: Clock
    mask: Mask
    command: str
    reason: str
    began_at: datetime | None = None
    number: int | None = None

    async def begin(self) -> None:
        self.began_at = self.clock.now()
        await self._write(None, "", None)

    async def end(self, outcome: ActionOutcome, message: str, run_id: int | None) -> None:
        await self._write(outcome, self._text(message), run_id)

    async def _write(self, outcome: ActionOutcome | None, message: str, run_id: int | None) -> None:
        try:
            url = await opening.database_url(self.settings)
            async with pool.connect(url, self.clock, size=1) as db:
                if self.number is None:
                    self.number = await operator_actions.begin(
                        db,
                        self.began_at or self.clock.now(),
                        _person(),
                        socket.gethostname(),
                        self._text(self.command),
                        self._text(self.reason),
                    )
                if self.number is not None and outcome is not None:
                    await operator_actions.end(db, self.number, outcome, message, run_id)
        except CollectorError as error:
            log.warning("act_not_recorded", command=self._text(self.command), error=error.message)

    def _text(self, words: str) -> str:
        """Return words as the database can hold them: a file's name, say, need not be UTF-8."""
        return self.mask(words).encode(errors="backslashreplace").decode().replace("\0", r"\x00")


async def _recorded(record: _Record, work: Callable[[Act], Coroutine[Any, Any, ResultT]]) -> ResultT:
    act = Act()
    await record.begin()
    try:
        result = await work(act)
    except BaseException as error:  # cancelled, too, it has ended: the record says how
        interrupted = isinstance(error, asyncio.CancelledError)
        outcome = ActionOutcome.INTERRUPTED if interrupted else ActionOutcome.FAILED
        await asyncio.shield(record.end(outcome, _words(error), act.run_id))
        raise
    outcome = ActionOutcome.OK if act.error is None else ActionOutcome.FAILED
    await record.end(outcome, _words(act.error), act.run_id)
    return result


def _person() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return f"user {os.getuid()}"


def _words(error: BaseException | None) -> str:
    if isinstance(error, CollectorError):
        return error.message
    return "" if error is None or isinstance(error, asyncio.CancelledError) else type(error).__name__
