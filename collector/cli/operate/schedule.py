"""`collector schedule`: when what runs."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.app import opening, planning
from collector.cli.exits import Exit
from collector.cli.operate import schedule_install
from collector.cli.options import ConfigOption, JsonOption, opened, print_json
from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.market.outlook import ISRAEL, outlook

app = typer.Typer(help="Show the schedule; install or remove its timers.", no_args_is_help=True, add_completion=False)
schedule_install.register(app)


@app.command()
def show(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many days ahead.")] = 14,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the coming windows in Israel, New York and UTC, with holidays, early closes and clock changes.

    Further ahead than a week expiry_check is shown on every session: what expires then is not known yet.

    Example: collector schedule show --days 14
    """
    settings, clock = opened(config)
    schedule = opening.run_until_signalled(planning.schedule(settings, clock))
    found = outlook(schedule, clock.now().astimezone(NEW_YORK).date(), days)
    if as_json:
        print_json(
            [
                {"window": one.window, "session": one.run_date, "due": one.due, "notes": list(day.notes)}
                for day in found
                for one in day.occurrences
            ]
        )
        return Exit.SUCCESS
    table = Table("date", "window", "session", "Israel", "New York", "UTC", "notes")
    for day in found:
        notes = "; ".join(day.notes)
        if not day.occurrences and notes:
            table.add_row(f"{day.day:%a %m-%d}", "", "", "", "", "", notes)
        for number, one in enumerate(day.occurrences):
            table.add_row(
                f"{day.day:%a %m-%d}" if number == 0 else "",
                one.window,
                f"{one.run_date:%m-%d}",
                f"{one.due.astimezone(ISRAEL):%a %H:%M}",
                f"{one.due.astimezone(NEW_YORK):%H:%M}",
                f"{one.due:%H:%M}",
                "; ".join(filter(None, (notes if number == 0 else "", one.note))),
            )
    Console().print(table)
    return Exit.SUCCESS


@app.command("next")
def next_(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show the window that runs next.

    Example: collector schedule next --json
    """
    settings, clock = opened(config)
    one = opening.run_until_signalled(planning.schedule(settings, clock)).following(clock.now())
    if one is None:
        typer.echo("no window is on")
        return Exit.FAILED
    if as_json:
        print_json({"window": one.window, "session": one.run_date, "due": one.due, "note": one.note})
    else:
        times = f"{one.due.astimezone(ISRAEL):%a %H:%M} Israel · {one.due.astimezone(NEW_YORK):%a %H:%M} New York"
        typer.echo(f"{one.window} of {one.run_date}: {times} · {one.due:%Y-%m-%d %H:%M} UTC")
    return Exit.SUCCESS
