"""`collector doctor`: check that a run has what it needs."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console

from collector.app import examination, planning
from collector.app.opening import run_until_signalled
from collector.cli.exits import Exit, of_error
from collector.cli.options import ConfigOption, VerboseOption, opened
from collector.market.expectation import GRACE

_MARKS = {True: "[green]ok[/green] ", None: "[yellow]?[/yellow]  ", False: "[red]bad[/red]"}


def doctor(
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    permissions: Annotated[
        bool, typer.Option("--permissions", help="Also ask IB for every series of the last completed session.")
    ] = False,
    expect_run: Annotated[
        bool, typer.Option("--expect-run", help="Only: has every window run that should have run by now? 1 if not.")
    ] = False,
    grace_min: Annotated[
        float, typer.Option("--grace-min", min=0, help="With --expect-run: minutes that a window may be late.")
    ] = GRACE / timedelta(minutes=1),
) -> int:
    """Check configuration, database, calendar and gateway.

    Example: collector doctor --permissions
    Example: collector doctor --expect-run --grace-min 45
    """
    settings, clock = opened(config, verbose=verbose)
    if expect_run:
        found = run_until_signalled(planning.outstanding(settings, clock))
        late = [one for one in found if one.late(clock.now(), timedelta(minutes=grace_min))]
        for one in late:
            typer.echo(str(one))
        if not late:
            typer.echo("every window that should have run by now has run")
        return Exit.FAILED if late else Exit.SUCCESS
    console, code = Console(), Exit.SUCCESS
    for check in run_until_signalled(examination.examine(settings, clock, permissions=permissions)):
        warned = check.ok and check.hint
        mark = "[yellow]ok[/yellow] " if warned else _MARKS[check.ok]
        console.print(f"{mark} {check.subject:<14} {check.finding}", highlight=False)
        if check.hint:
            console.print(f"    {' ' * 14} {check.hint}", highlight=False)
        if check.ok is False:
            code = code or (of_error(check.error) if check.error else Exit.FAILED)
    return code
