"""Put on record what a person makes the collector do."""

import shlex
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer

from collector.app import opening
from collector.app.acting.records import Ending, Record, recorded
from collector.clock import Clock
from collector.config import Settings
from collector.db.bookkeeping.operator_actions import Origin

ResultT = TypeVar("ResultT")

ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Why, for the record of what people did: collector db actions.")
]


def on_record(
    context: typer.Context,
    settings: Settings,
    clock: Clock,
    reason: str | None,
    work: Callable[[Ending], Coroutine[Any, Any, ResultT]],
) -> ResultT:
    """Do what a person asked for by a command, on record in `operator_actions`.

    Args:
        context: of the command; bears the arguments as they were typed.
        settings: which database, and the secrets that no record may hold.
        clock: stamps the record.
        reason: the person's own words.
        work: does it.

    Raises:
        Interrupted, and what the work raises.
    """
    typed = shlex.join(["collector", *context.find_root().obj])
    record = Record(settings=settings, clock=clock, command=typed, reason=reason or "", origin=Origin.COMMAND_LINE)
    return opening.run_until_signalled(recorded(record, work))
