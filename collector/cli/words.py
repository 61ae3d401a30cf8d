"""Words on standard error."""

import typer


def say(message: str, hint: str = "") -> None:
    """Tell on standard error, in one line and a hint below it, why a command did not do what it was asked for."""
    typer.secho(f"collector: {message}", err=True, fg="red")
    if hint:
        typer.secho(f"  {hint}", err=True)
