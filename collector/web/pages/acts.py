"""Pages of what a person starts."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from collector.app.acting import kinds, typed
from collector.app.acting.acts import Act, State
from collector.app.acting.kinds import Cost, Entry, Field
from collector.db.bookkeeping import operator_actions
from collector.db.bookkeeping.operator_actions import OperatorAction
from collector.domain.errors import CollectorError, Unknown
from collector.web import at_work
from collector.web.at_work import Now
from collector.web.context import Context
from collector.web.page import Asked, Page, Parameter

_PATIENCE_S = 5.0
"""A person waits so long for what an act would cost; it can be started without that, too."""
_RECORDED = 50
_OFFERED_DAYS = 30
"""Sessions so far back are offered; any other can be written."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of act that can be started. name: in addresses."""

    name: str
    title: str
    what: str


@dataclass(frozen=True, slots=True)
class AllActs:
    """What can be started, what people have started since the process began, newest first, and what is on record.

    now: what is at work, a window of the schedule, too. recorded: of all processes and commands,
    newest first. problem: why the record cannot be read.
    """

    offers: tuple[Offer, ...]
    now: Now
    acts: tuple[Act, ...]
    recorded: tuple[OperatorAction, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A field of a form. value: as it was asked for; choices: values of a list."""

    name: str
    label: str
    entry: Entry
    required: bool
    default: str
    value: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewAct:
    """A form that starts an act, and what it would cost as it is filled in.

    command: does the same, "" while something is wrong or missing. cost: None while that is so, or where it is not
    known; problem: why; hint: what to do. reason: for the record, as it was filled in. once: makes one act of a form
    that is sent twice.
    """

    kind: str
    title: str
    what: str
    fields: tuple[Shown, ...]
    command: str
    cost: Cost | None
    problem: str
    hint: str
    reason: str
    once: str


@dataclass(frozen=True, slots=True)
class OneAct:
    """An act, and how many go before it: that were started earlier and have not ended.

    now: how far it has come, None while it is not at work.
    """

    act: Act
    now: Now | None
    before: int


async def _all(context: Context, _asked: Asked) -> AllActs:
    process = context.process
    recorded: list[OperatorAction] = []
    problem = ""
    try:
        async with context.reading() as db:
            recorded = await operator_actions.latest(db, _RECORDED)
    except CollectorError as error:
        problem = error.message
    return AllActs(
        tuple(Offer(one.name, one.title, one.what) for one in kinds.KINDS.values()),
        await at_work.now(context),
        process.acts.latest,
        tuple(recorded),
        problem,
    )


async def _new(context: Context, asked: Asked) -> NewAct:
    kind = kinds.named(asked["kind"])
    given = {field.name: _given(field, asked, context) for field in kind.fields}
    command, cost, problem, hint = "", None, "", ""
    try:
        values = kind.read(given, context.settings, context.clock)
        command = kind.command_line(values)
        async with asyncio.timeout(_PATIENCE_S), context.reading() as db:
            cost = await kind.cost(db, context.settings, context.clock, values)
    except CollectorError as error:
        problem, hint = error.message, error.hint
    except TimeoutError:
        problem = f"what it would do takes more than {_PATIENCE_S:g} s to find out"
        hint = "It can be started all the same."
    fields = tuple(
        Shown(
            one.name,
            one.label,
            one.entry,
            one.required,
            one.default,
            given[one.name],
            _choices(one, context),
        )
        for one in kind.fields
    )
    once = context.process.acts.token()
    return NewAct(kind.name, kind.title, kind.what, fields, command, cost, problem, hint, asked.get("reason", ""), once)


def _choices(field: Field, context: Context) -> tuple[str, ...]:
    """Return what a field offers: its own values, or the last sessions, the latest first."""
    if field.entry is not Entry.DAY:
        return field.choices(context.settings)
    last = context.days.last_opened(context.now)
    days = context.days.days(last - timedelta(days=_OFFERED_DAYS), last)
    return tuple(str(day) for day in reversed(days))


def _given(field: Field, asked: Asked, context: Context) -> str:
    """Return what is asked for of a field; `day`, as links of other pages say it, is any session's.

    A form that has not been sent yet comes up with what its fields begin with.
    """
    if field.name in asked:
        return asked[field.name]
    day = asked.get("day", "") if field.entry is Entry.DAY else ""
    return day or field.initial(context.settings, context.clock)


async def _one(context: Context, asked: Asked) -> OneAct:
    acts = context.process.acts
    act = acts.find(number_of(asked["id"]))
    before = [one for one in acts.latest if one.pending and one.id < act.id]
    return OneAct(
        act,
        await at_work.now(context) if act.state is State.AT_WORK else None,
        len(before) if act.state is State.WAITING else 0,
    )


def number_of(text: str) -> int:
    """Return the number of an act as an address names it.

    Raises:
        Unknown: it is no number.
    """
    number = typed.number_of(text)
    if number is None:
        raise Unknown(f"there is no act {text!r}", "Acts are counted: /acts")
    return number


ALL = Page(
    path="/acts",
    title="Acts",
    what="What a person can start, what waits and how it ended, and the record of what people did.",
    model=AllActs,
    answer=_all,
    template="acts/all.html.j2",
)

NEW = Page(
    path="/acts/new/{kind}",
    title=lambda it: it.title,
    what="What an act would do and ask for, as a form that starts it.",
    model=NewAct,
    answer=_new,
    template="acts/new.html.j2",
    parameters=(
        Parameter("kind", f"which act: {', '.join(kinds.KINDS)}", "run"),
        Parameter("window", "of a window's run: its name", "eod"),
        Parameter("day", "the session's date", "2026-11-20"),
        Parameter("symbols", "only these, separated by commas", "SPY"),
    ),
)

ONE = Page(
    path="/acts/{id}",
    title=lambda it: it.act.words,
    what="An act that a person has started: how it stands or ended.",
    model=OneAct,
    answer=_one,
    template="acts/one.html.j2",
    parameters=(Parameter("id", "the act's number", "1"),),
)
