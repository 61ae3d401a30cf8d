"""Keep on record what people did by hand."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.db.connection.pool import Statements


class ActionOutcome(StrEnum):
    """How an act ended; none is kept of one whose process was killed."""

    OK = "ok"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Origin(StrEnum):
    """From where a person acted."""

    COMMAND_LINE = "command line"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One act of a person.

    began_at, ended_at: by this machine's clock. os_user, host: whose command, where. database_role: the login that the
    database knew. command: as it was typed, without secrets; of a page, the one that does the same. reason: the
    person's own words, "" for none. outcome, ended_at: None while it is at work, or for ever when its process was
    killed. message: what made it fail. run_id: the run that it started.
    """

    id: int
    began_at: datetime
    ended_at: datetime | None
    os_user: str
    host: str
    database_role: str
    command: str
    reason: str
    outcome: ActionOutcome | None
    message: str
    run_id: int | None
    origin: Origin


async def begin(
    db: Statements, began_at: datetime, os_user: str, host: str, command: str, reason: str, origin: Origin
) -> int | None:
    """Record that an act begins and return its number; None where the tables are of an earlier version, or missing."""
    if not await db.fetchval("has_operator_actions"):
        return None
    number: int = await db.fetchval("begin_operator_action", began_at, os_user, host, command, reason, origin)
    return number


async def end(db: Statements, number: int, outcome: ActionOutcome, message: str, run_id: int | None) -> None:
    """Record how an act ended, once."""
    await db.execute("end_operator_action", number, db.clock.now(), outcome, message, run_id)


async def latest(db: Statements, most: int) -> list[OperatorAction]:
    """Return the latest acts, newest first."""
    return [
        OperatorAction(
            row["id"],
            row["began_at"],
            row["ended_at"],
            row["os_user"],
            row["host"],
            row["database_role"],
            row["command"],
            row["reason"],
            row["outcome"] and ActionOutcome(row["outcome"]),
            row["message"],
            row["run_id"],
            Origin(row["origin"]),
        )
        for row in await db.fetch("operator_actions", most)
    ]
