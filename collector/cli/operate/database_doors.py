"""`collector db url|psql`: ways into the database."""

from typing import Annotated

import typer

from collector.app import opening
from collector.app.doors import loopback, psql
from collector.cli.options import ConfigOption, opened
from collector.domain.database_url import DatabaseUrl

PrimaryOption = Annotated[
    bool, typer.Option("--primary", help="Of the database itself, also where database.read_url names another.")
]


def url(
    with_password: Annotated[
        bool, typer.Option("--with-password", help="With the password in it; whoever sees it may come in.")
    ] = False,
    tcp: Annotated[
        bool, typer.Option("--tcp", help="Of the embedded server on 127.0.0.1, for programs that know no sockets.")
    ] = False,
    primary: PrimaryOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the address of the database for programs that read, without its password.

    Starts the embedded server when that is the one. psql, pandas, polars, DuckDB and most drivers take the address as
    it is: docs/reading.md. With database.tcp_port set, --tcp makes a login that reads, for DBeaver for instance.

    Example: collector db url --with-password
    """
    settings, clock = opened(config)
    if tcp:
        found = opening.run_until_signalled(loopback.address(settings, clock))
    else:
        get = opening.database_url if primary else opening.reading_url
        found = DatabaseUrl.parse(opening.run_until_signalled(get(settings)))
    typer.echo(found.text if with_password else found.shown)


def psql_(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[-- WORDS]", help="What psql itself is given, after two dashes.")
    ] = None,
    primary: PrimaryOption = False,
    config: ConfigOption = None,
) -> int:
    """Open the database with psql, and end with psql's exit code.

    The embedded server is started if it is down, and stopped afterwards. Its own psql is taken; for another server the
    one in PGBIN, on the PATH, or where packages put it.

    Example: collector db psql -- -c "SELECT count(*) FROM option_bars"
    """
    settings, clock = opened(config)
    return psql.run(settings, clock, words or (), primary=primary)
