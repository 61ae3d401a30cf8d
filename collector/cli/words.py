"""Words on standard error."""

import typer


def say(message: str, hint: str = "") -> None:
    """Tell on standard error, in one line and a hint below it, why a command did not do what it was asked for."""
    typer.secho(f"collector: {_on_one_line(message)}", err=True, fg="red")
    if hint:
        typer.secho(f"  {_on_one_line(hint)}", err=True)


def _on_one_line(text: str) -> str:
    """Spell line ends and control characters, which what was read may hold, as a Python literal does."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
