"""`collector schedule install` and `uninstall`.

They let systemd or launchd start the collector, or no more.
"""

from pathlib import Path
from typing import Annotated

import typer

from collector import config as configuration
from collector.app import installation
from collector.app.installation import Kind
from collector.cli.exits import Exit
from collector.cli.options import ConfigOption, opened
from collector.config.package_files import resource
from collector.domain.errors import UsageError

SystemdOption = Annotated[bool, typer.Option("--systemd", help="systemd units; the default where it is no Mac.")]
LaunchdOption = Annotated[bool, typer.Option("--launchd", help="A launchd job; the default on a Mac.")]
UserOption = Annotated[bool, typer.Option("--user", help="For your own account, without root.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
AccountOption = Annotated[
    str | None, typer.Option("--account", help="As whom it runs; default you, also behind sudo. Not with --user.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(install)
    app.command()(uninstall)


def install(
    systemd: SystemdOption = False,
    launchd: LaunchdOption = False,
    user: UserOption = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="systemd: a timer for each window instead of one that looks what is due.")
    ] = False,
    account: AccountOption = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
) -> int:
    """Let this machine start the collector by itself.

    Example: collector schedule install --user --dry-run
    """
    kind, person = _kind(systemd=systemd, launchd=launchd), installation.owner(_account(account, user=user), user=user)
    own = Path(person.pw_dir) / ".config" / "collector" / "config.yaml"
    found = configuration.find(config or (own if own.is_file() and not Path("config.yaml").is_file() else None))
    settings, _ = opened(found)
    where = installation.places(settings, None if found == resource("config.yaml") else found, person)
    if dry_run:
        texts = installation.render(kind, settings, where, user=user)
        for path in installation.install(kind, settings, where, user=user, exact=exact, dry_run=True):
            typer.secho(f"# {path}", bold=True)
            typer.echo(texts[path.name])
        return Exit.SUCCESS
    for path in installation.install(kind, settings, where, user=user, exact=exact):
        typer.echo(path)
    if kind is Kind.SYSTEMD and user:
        typer.echo("So that it also runs while you are logged out: loginctl enable-linger", err=True)
    return Exit.SUCCESS


def uninstall(
    systemd: SystemdOption = False,
    launchd: LaunchdOption = False,
    user: UserOption = False,
    account: AccountOption = None,
    dry_run: DryRunOption = False,
) -> int:
    """Remove what `install` wrote; what was collected stays.

    Example: collector schedule uninstall --user
    """
    kind, person = _kind(systemd=systemd, launchd=launchd), installation.owner(_account(account, user=user), user=user)
    paths = installation.uninstall(kind, person, user=user, dry_run=dry_run)
    for path in paths:
        typer.echo(path)
    if not paths:
        typer.echo("nothing of the collector's is installed there", err=True)
    return Exit.SUCCESS


def _kind(*, systemd: bool, launchd: bool) -> Kind:
    if systemd and launchd:
        raise UsageError("--systemd and --launchd exclude each other")
    return Kind.SYSTEMD if systemd else Kind.LAUNCHD if launchd else installation.this_kind()


def _account(account: str | None, *, user: bool) -> str | None:
    if account and user:
        raise UsageError("--account and --user exclude each other", "--user is always your own account.")
    return account
