"""`collector web`: the owner's pages."""

import asyncio
import sys
import webbrowser
from typing import Annotated

import typer

from collector.app import opening
from collector.cli.collect.progress import run_progress
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, VerboseOption, opened
from collector.clock import Clock
from collector.config import Settings
from collector.domain.errors import ConfigurationError

OpenOption = Annotated[bool, typer.Option("--open", help="Open the address in the browser.")]
SignOutOption = Annotated[bool, typer.Option("--sign-out-everywhere", help="End every login, and stop there.")]


def web(
    config: ConfigOption = None,
    open_browser: OpenOption = False,
    sign_out: SignOutOption = False,
    verbose: VerboseOption = False,
) -> int:
    """Show what is there, what is missing and what is at work, as pages for a browser.

    Prints an address that logs a browser in, once, within ten minutes. Where `collector serve` shows the pages already
    that is all; else it shows them itself, until stopped.

    Example: collector web --open
    """
    from collector.web import serving_pages  # noqa: PLC0415 - a web server, for this command only

    settings, clock = opened(config, writes_log=True, verbose=verbose)
    if not sign_out:
        opening.run_until_signalled(_shown(settings, clock, opens=open_browser))
        return Exit.SUCCESS
    try:
        serving_pages.logins(settings).end_all()
    except OSError as error:
        raise ConfigurationError(
            f"{settings.web.logins_path} cannot be written: {error.strerror}", "Call it as the collector's user."
        ) from error
    typer.echo("every login has ended; `collector web` prints an address for a new one")
    return Exit.SUCCESS


async def _shown(settings: Settings, clock: Clock, *, opens: bool) -> None:
    from collector.web import serving_pages  # noqa: PLC0415 - as above
    from collector.web.access import neighbours  # noqa: PLC0415 - as above
    from collector.web.process.alone import Alone  # noqa: PLC0415 - as above

    logins = serving_pages.logins(settings)
    if await neighbours.shows_pages(settings, logins):
        address = logins.address(settings.site_at(settings.serve.port))
        typer.echo(address)
        if opens:
            await _in_browser(address)
        return
    process = Alone(settings, clock, run_progress)
    try:
        async with serving_pages.endpoint(settings, clock, logins)(process) as port:
            site = settings.site_at(port)
            typer.echo(f"showing pages on {site}/; Ctrl-C ends")
            invite(logins.address(site))
            if opens:
                await _in_browser(logins.address(site))
            try:
                await process.acts.go_on()
            except asyncio.CancelledError:  # it was asked to end; an act at work is on record as interrupted
                return
            finally:
                process.live.close()
    finally:
        await process.close()


async def _in_browser(address: str) -> None:
    """Open an address; the pages are there meanwhile, for browsers that end only when they are left."""
    if not await asyncio.to_thread(webbrowser.open, address):
        typer.echo("no browser could be opened here", err=True)


def invite(address: str) -> None:
    """Print an address that logs in to a person's terminal; elsewhere, as in a journal, others could read it."""
    typer.echo(f"log in: {address}" if sys.stdout.isatty() else "to log in: `collector web` prints an address")
    sys.stdout.flush()
