"""Plan a run without asking for anything.

What a run would ask for, how long it would take, and what would be left over. Nothing is asked or changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.config import Settings
from collector.db.bookkeeping import runs_table
from collector.db.connection.pool import Database
from collector.domain.coverage.request_planning import Work
from collector.domain.market_data.answers import HistoricalRequest
from collector.domain.market_data.instruments import Instrument, OptionContract, WhatToShow
from collector.domain.pacing.forecast import Forecast, Throughput, forecast, throughput
from collector.domain.run_vocabulary import BY_HAND, Window
from collector.jobs import due_windows
from collector.market.calendar import Calendar
from collector.market.limits import limits
from collector.runs.orders import Order, order_for
from collector.runs.planning.missing_work import Draft, dry

_RUNS = 10
"""Past runs whose pace counts."""
_NAMED = 5
"""Contracts of the leftover that are named."""


@dataclass(frozen=True, slots=True)
class Group:
    """Planned requests of one symbol's contracts of one expiration; None: of the underlying itself.

    data_set: the name of what they bring. first: position in the order of asking. several_days: requests that span more
    than a day.
    """

    symbol: str
    data_set: str
    expiration: date | None
    contracts: int
    requests: dict[WhatToShow, int]
    first: int
    several_days: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order would ask for, in that order, and when it would be done."""

    order: Order
    draft: Draft
    pace: Throughput
    forecast: Forecast

    @property
    def work(self) -> list[Work]:
        """Return all requests, in the order in which they would be asked."""
        return self.draft.work

    @property
    def groups(self) -> list[Group]:
        """Return the requests by symbol, data set and expiration, in the order in which the first would be asked."""
        members: dict[tuple[str, str, date | None], list[tuple[int, Work]]] = {}
        for position, item in enumerate(self.work):
            key = (item.instrument.symbol, item.data_set.name, _expiration(item.instrument))
            members.setdefault(key, []).append((position, item))
        return [_group(*key, items) for key, items in members.items()]


async def order_to_plan(
    db: Database,
    settings: Settings,
    calendar: Calendar,
    now: datetime,
    window: Window | None = None,
    day: date | None = None,
) -> tuple[Order, datetime]:
    """Return what to plan and when it begins: what is due now, or comes next; else the order as a person gives it.

    Args:
        db: the database.
        settings: the schedule.
        calendar: the exchange's.
        now: the current instant.
        window: only this one; None: the next one that asks for bars.
        day: of this session; None: any.

    Raises:
        NotASession: the date is no trading day.
        UsageError: the date is in the future, and the window does not come then.
    """
    if day is not None:
        calendar.session(settings.symbol_names[0], day)
    if window not in BY_HAND:
        found = await due_windows.planned(db, settings, calendar, now, window, day)
        if found is not None:
            run, begins = found
            return due_windows.order_of(run, settings, calendar, begins), begins
    return order_for(window or Window.MANUAL, settings, calendar, now, day=day), now


async def plan(db: Database, settings: Settings, calendar: Calendar, order: Order, begins: datetime) -> Plan:
    """Return the plan of an order that begins at an instant."""
    draft = await dry(db, calendar, settings, order, begins)
    pace = throughput(await runs_table.paces(db, _RUNS), settings.pacing.messages_per_s)
    rules, schedule = settings.gateway, await due_windows.schedule_of(db, settings, calendar, begins)
    until = limits(schedule, begins, order.deadline, rules.restart_at, rules.restart_zone)
    return Plan(order, draft, pace, forecast(draft.work, begins, pace, until))


def requests_in(work: Sequence[Work]) -> int:
    """Return the number of requests in work."""
    return sum(len(item.requests) for item in work)


def named(work: Sequence[Work], count: int = _NAMED) -> list[str]:
    """Return the names of the first instruments of work."""
    return [_name(item.instrument) for item in work[:count]]


def to_document(plan: Plan) -> dict[str, object]:
    """Return a plan as JSON holds it; docs/plan.md explains every key."""
    order, seen, pace = plan.order, plan.forecast, plan.pace
    return {
        "window": order.window,
        "session": order.day,
        "symbols": list(order.symbols),
        "scope": order.scope,
        "asks": order.asks,
        "scheduled": order.scheduled,
        "begins": seen.begins,
        "ends": seen.ends,
        "seconds": round(seen.seconds, 1),
        "contracts": len(plan.draft.contracts),
        "requests": requests_in(plan.work),
        "resting": sum(symbol.resting for symbol in plan.draft.symbols),
        "throughput": {
            "requests_per_s": round(pace.requests_per_s, 3),
            "measured": pace.runs > 0,
            "runs": pace.runs,
            "requests": pace.requests,
        },
        "limits": [
            {"kind": one.kind, "window": one.window or None, "at": one.at, "fits": seen.before(one)}
            for one in seen.limits
        ],
        "fits": seen.fits,
        "left_over": {
            "requests": requests_in(seen.left),
            "contracts": sum(isinstance(item.instrument, OptionContract) for item in seen.left),
            "first": named(seen.left),
        },
        "groups": [
            {
                "symbol": one.symbol,
                "data_set": one.data_set,
                "expiration": one.expiration,
                "contracts": one.contracts,
                "requests": {what.value: count for what, count in one.requests.items()},
                "several_days": one.several_days,
            }
            for one in plan.groups
        ],
        "order": [
            {
                "instrument": _name(item.instrument),
                "instrument_id": item.instrument.key,
                "data_set": item.data_set.name,
                "requests": [
                    {"series": request.what_to_show, "start": request.span.start, "end": request.span.end}
                    for request in item.requests
                ],
            }
            for item in plan.work
        ],
        "remarks": plan.draft.remarks,
    }


def _group(symbol: str, data_set: str, expiration: date | None, items: Sequence[tuple[int, Work]]) -> Group:
    requests = [request for _, item in items for request in item.requests]
    counts: dict[WhatToShow, int] = {}
    for request in requests:
        counts[request.what_to_show] = counts.get(request.what_to_show, 0) + 1
    several = sum(request.span.start.date() != _last_slot(request).date() for request in requests)
    contracts = len(items) if expiration else 0
    return Group(symbol, data_set, expiration, contracts, counts, items[0][0], several)


def _last_slot(request: HistoricalRequest) -> datetime:
    return request.span.end - request.data_set.bar_size


def _expiration(instrument: Instrument) -> date | None:
    return instrument.expiration if isinstance(instrument, OptionContract) else None


def _name(instrument: Instrument) -> str:
    return instrument.occ_symbol if isinstance(instrument, OptionContract) else instrument.symbol
