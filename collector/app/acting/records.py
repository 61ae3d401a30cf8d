"""The record of what a person makes the collector do."""

import asyncio
import os
import pwd
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import structlog

from collector.app import opening
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping import operator_actions
from collector.db.bookkeeping.operator_actions import ActionOutcome, Origin
from collector.db.connection import pool
from collector.domain.errors import CollectorError
from collector.domain.masking import Mask

log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")


@dataclass(slots=True)
class Ending:
    """What the work of a person's act finds out: for the record, and for whoever asked for it.

    run_id: the run that it started. error: what stopped it, where that was not raised. headline: what was done.
    """

    run_id: int | None = None
    error: BaseException | None = None
    headline: str = ""


@dataclass(slots=True, kw_only=True)
class Record:
    """One act's row, written when the act begins; by its end where there was no table before.

    What cannot be recorded is done all the same: the log says so.

    settings: which database, and the secrets that no record may hold. command: as it was typed, or what would do the
    same. reason: the person's own words, "" for none. origin: from where he acted.
    """

    settings: Settings
    clock: Clock
    command: str
    reason: str
    origin: Origin
    began_at: datetime | None = field(default=None, init=False)
    _number: int | None = field(default=None, init=False)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def begin(self) -> None:
        """Say that the act begins; saying it again changes nothing."""
        if self.began_at is None:
            self.began_at = self.clock.now()
            await self._write(None, "", None)

    async def end(self, ending: Ending, *, interrupted: bool = False) -> None:
        """Say how the act ended."""
        outcome = ActionOutcome.OK if ending.error is None else ActionOutcome.FAILED
        await self._write(ActionOutcome.INTERRUPTED if interrupted else outcome, _words(ending.error), ending.run_id)

    async def _write(self, outcome: ActionOutcome | None, message: str, run_id: int | None) -> None:
        async with self._writing:  # an end that comes while the beginning is written would make a second row
            await self._written(outcome, message, run_id)

    async def _written(self, outcome: ActionOutcome | None, message: str, run_id: int | None) -> None:
        try:
            url = await opening.database_url(self.settings)
            async with pool.connect(url, self.clock, size=1) as db:
                if self._number is None:
                    self._number = await operator_actions.begin(
                        db,
                        self.began_at or self.clock.now(),
                        _person(),
                        socket.gethostname(),
                        self._text(self.command),
                        self._text(self.reason),
                        self.origin,
                    )
                if self._number is not None and outcome is not None:
                    await operator_actions.end(db, self._number, outcome, self._text(message), run_id)
        except CollectorError as error:
            log.warning("act_not_recorded", command=self._text(self.command), error=error.message)

    def _text(self, words: str) -> str:
        """Return words as the database can hold them: a file's name, say, need not be UTF-8."""
        masked = Mask(self.settings.secrets)(words)
        return masked.encode(errors="backslashreplace").decode().replace("\0", r"\x00")


async def recorded(record: Record, work: Callable[[Ending], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Do what a person asked for, and keep who, when, what, why and how it ended.

    Raises:
        What the work raises.
    """
    ending = Ending()
    await record.begin()
    try:
        result = await work(ending)
    except BaseException as error:  # cancelled, too, it has ended: the record says how
        ending.error = error
        await asyncio.shield(record.end(ending, interrupted=isinstance(error, asyncio.CancelledError)))
        raise
    await record.end(ending)
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
