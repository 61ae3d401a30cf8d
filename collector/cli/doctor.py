"""`collector doctor`: is everything there that a run needs?"""

from typing import Annotated

import typer
from rich.console import Console

from collector import app
from collector.cli.exits import Exit, of_error
from collector.cli.options import ConfigOption, VerboseOption, opened


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("doctor")(doctor)


def doctor(
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    permissions: Annotated[bool, typer.Option("--permissions", help="Also ask IB for a day of every series.")] = False,
) -> int:
    """Check configuration, disk, database, calendar and gateway, and say what to do about what is wrong.

    Example: collector doctor --permissions
    """
    settings, clock = opened(config, verbose=verbose)
    console, code = Console(), Exit.SUCCESS
    for check in app.run_until_signalled(app.examine(settings, clock, permissions=permissions)):
        mark = "[green]ok[/green] " if check.ok else "[red]bad[/red]"
        console.print(f"{mark} {check.subject:<14} {check.finding}", highlight=False)
        if not check.ok:
            console.print(f"    {' ' * 14} {check.hint}", highlight=False)
            code = code or (of_error(check.error) if check.error else Exit.FAILED)
    return code
