"""Words of a plan, for terminals and pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.pacing.forecast import Limit, LimitKind, Throughput
from collector.market.outlook import ISRAEL
from collector.runs.planning.dry_run import Plan, named, requests_in

_LIMITS = {
    LimitKind.DEADLINE: "its deadline",
    LimitKind.NEXT_WINDOW: "the next window",
    LimitKind.RESTART: "the gateway's daily restart",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence about what would happen. bad: it is a reason not to begin now."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The requests of a plan, most urgent first: by symbol and expiration, with their sums.

    words: how many of the columns are words, the first ones; the others are numbers.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    words: int = 2


def heading(found: Plan) -> str:
    """Return what is planned: window, session, symbols, when it begins."""
    order = found.order
    begins = times(found.forecast.begins)
    return f"{order.window} of {order.day:%A %Y-%m-%d} · {', '.join(order.symbols)} · begins {begins}"


def sentences(found: Plan) -> Iterator[Sentence]:
    """Yield how long a plan takes, by which measure, before what it is done, and what is left over then."""
    seen = found.forecast
    yield Sentence(_pace(found.pace))
    if found.work:
        length = duration(seen.ends - seen.begins)
        yield Sentence(f"{requests_in(found.work):,} requests take {length}: until {times(seen.ends)}")
    for limit in seen.limits:
        before = seen.before(limit)
        yield Sentence(f"done {'' if before else 'not '}before {_limit(limit)} at {times(limit.at)}", bad=not before)
    if seen.left:
        examples = ", ".join(" ".join(name.split()) for name in named(seen.left))
        left = f"{requests_in(seen.left):,} requests of {len(seen.left):,} contracts, first {examples}"
        yield Sentence(f"left over by then: {left}", bad=True)
    for remark in found.draft.remarks:
        yield Sentence(f"note: {remark}")


def table(found: Plan) -> PlanTable | None:
    """Return the requests of a plan, None where nothing would be asked for."""
    if not found.work:
        return None
    series = list(dict.fromkeys(what for group in found.groups for what in group.requests))
    names = [what.value.removeprefix("OPTION_").replace("IMPLIED_VOLATILITY", "IV") for what in series]
    totals = [sum(group.requests.get(what, 0) for group in found.groups) for what in series]
    several = sum(group.several_days for group in found.groups)
    return PlanTable(
        ("symbol", "expiration", "contracts", *names, "of several days"),
        tuple(
            (
                group.symbol,
                group.data_set
                if group.expiration is None
                else f"{group.expiration}{' expires' if group.expiration == found.order.day else ''}",
                f"{group.contracts:,}" if group.contracts else "",
                *(f"{group.requests[what]:,}" if what in group.requests else "" for what in series),
                f"{group.several_days:,}" if group.several_days else "",
            )
            for group in found.groups
        ),
        (
            "all",
            "",
            f"{len(found.draft.contracts):,}",
            *(f"{total:,}" for total in totals),
            f"{several:,}" if several else "",
        ),
    )


def _pace(pace: Throughput) -> str:
    if not pace.runs:
        return f"no past run: {pace.requests_per_s:g} requests/s is assumed, the lower end of what IB gives"
    last = "the last run" if pace.runs == 1 else f"the last {pace.runs:,} runs"
    return f"{last} made {pace.requests_per_s:.2f} requests/s ({pace.requests:,} requests)"


def _limit(limit: Limit) -> str:
    return f"{_LIMITS[limit.kind]}{f' ({limit.window})' if limit.window else ''}"


def times(instant: datetime) -> str:
    """Return an instant's time of day in New York and in Israel."""
    there, here = instant.astimezone(NEW_YORK), instant.astimezone(ISRAEL)
    return f"{there:%a %H:%M} New York / {here:%a %H:%M} Israel"


def duration(length: timedelta) -> str:
    """Return a length in hours and minutes, or minutes and seconds."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
