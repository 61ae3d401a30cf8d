"""`collector plan`: show what a run would ask for.

`collector plan`: what a run would ask for, how long it would take, what would be left over.
"""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import planning
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit
from collector.cli.options import (
    ConfigOption,
    JsonOption,
    SymbolsOption,
    day_of,
    opened,
    print_json,
    span_of,
    symbols_of,
    window_of,
)
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.domain.pacing.forecast import Limit, LimitKind, Throughput
from collector.market.outlook import ISRAEL
from collector.runs.planning.dry_run import Plan, named, requests_in, to_document

_LIMITS = {
    LimitKind.DEADLINE: "its deadline",
    LimitKind.NEXT_WINDOW: "the next window",
    LimitKind.RESTART: "the gateway's daily restart",
}


def plan(
    window: Annotated[
        str | None, typer.Option("--window", "-w", help="Its next run; without it the next one that asks for bars.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", help="Of this session, YYYY-MM-DD; also a coming one.")] = None,
    symbols: SymbolsOption = None,
    span: Annotated[str | None, typer.Option("--span", help='Only the last "30 min", "3 h" or "1 D".')] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what the next run would ask for, and how long it would take.

    Nothing is asked from IB and nothing changes. A run that is not due yet is planned for the instant at which it is.

    Example: collector plan --window eod --json
    """
    settings, clock = opened(config)
    wanted = None if window is None else window_of(window, settings)
    work = planning.plan(settings, clock, wanted, day_of(date), symbols_of(symbols), span_of(span))
    return show_plan(run_until_signalled(work), as_json=as_json)


def show_plan(found: Plan, *, as_json: bool) -> int:
    """Print a plan, as a table or as JSON."""
    if as_json:
        print_json(to_document(found))
    else:
        _show(found, Console())
    return Exit.SUCCESS


def _show(found: Plan, console: Console) -> None:
    order, seen = found.order, found.forecast
    said = f"{order.window} of {order.day:%A %Y-%m-%d} · {', '.join(order.symbols)} · begins {_times(seen.begins)}"
    console.print(said, highlight=False)
    console.print(_table(found) if found.work else "nothing would be asked for")
    console.print(_pace(found.pace), highlight=False)
    if found.work:
        console.print(
            f"{requests_in(found.work):,} requests take {_length(seen.ends - seen.begins)}: until {_times(seen.ends)}",
            highlight=False,
        )
    for limit in seen.limits:
        mark = "[green]before[/green]" if seen.before(limit) else "[red]not before[/red]"
        console.print(f"done {mark} {_limit(limit)} at {_times(limit.at)}", highlight=False)
    if seen.left:
        examples = ", ".join(" ".join(name.split()) for name in named(seen.left))
        left = f"{requests_in(seen.left):,} requests of {len(seen.left):,} contracts, first {examples}"
        console.print(f"[red]left over by then[/red]: {left}", highlight=False)
    for remark in found.draft.remarks:
        console.print(f"note: {remark}", highlight=False)


def _table(found: Plan) -> Table:
    series = list(dict.fromkeys(what for group in found.groups for what in group.requests))
    names = [what.value.removeprefix("OPTION_").replace("IMPLIED_VOLATILITY", "IV") for what in series]
    table = Table("symbol", "expiration", "contracts", *names, "of several days", title="most urgent first")
    for column in table.columns[2:]:
        column.justify = "right"
    for group in found.groups:
        expires = group.expiration == found.order.day
        expiration = group.data_set if group.expiration is None else f"{group.expiration}"
        table.add_row(
            group.symbol,
            f"[bold]{expiration} expires[/bold]" if expires else expiration,
            f"{group.contracts:,}" if group.contracts else "",
            *(f"{group.requests[what]:,}" if what in group.requests else "" for what in series),
            f"{group.several_days:,}" if group.several_days else "",
        )
    totals = [sum(group.requests.get(what, 0) for group in found.groups) for what in series]
    several = sum(group.several_days for group in found.groups)
    table.add_section()
    table.add_row(
        "all",
        "",
        f"{len(found.draft.contracts):,}",
        *(f"{total:,}" for total in totals),
        f"{several:,}" if several else "",
    )
    return table


def _pace(pace: Throughput) -> str:
    if not pace.runs:
        return f"no past run: {pace.requests_per_s:g} requests/s is assumed, the lower end of what IB gives"
    last = "the last run" if pace.runs == 1 else f"the last {pace.runs:,} runs"
    return f"{last} made {pace.requests_per_s:.2f} requests/s ({pace.requests:,} requests)"


def _limit(limit: Limit) -> str:
    return f"{_LIMITS[limit.kind]}{f' ({limit.window})' if limit.window else ''}"


def _times(instant: datetime) -> str:
    there, here = instant.astimezone(NEW_YORK), instant.astimezone(ISRAEL)
    return f"{there:%a %H:%M} New York / {here:%a %H:%M} Israel"


def _length(duration: timedelta) -> str:
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
