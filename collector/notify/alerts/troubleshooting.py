"""Checklists by cause of failure.

What to do next: the cause of a failure, and the checklist that fits it.
"""

import errno
import traceback
from collections.abc import Iterator
from types import MappingProxyType

from collector.domain.conditions import ConditionKind
from collector.domain.errors import (
    ArchiveError,
    BackupError,
    ClientIdInUse,
    ConfigurationError,
    DatabaseError,
    DiskFull,
    GatewayError,
    Interrupted,
    LockHeld,
    UsageError,
)
from collector.domain.reports.run_report import Cause

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

CHECKLISTS = MappingProxyType(
    {
        Cause.GATEWAY_DOWN: (
            "Is IB Gateway (or TWS) running on its host, and not waiting for a login or the second factor?",
            "Is its API switched on (Configure → API → Settings), and are host and port those of the configuration?",
            "Is the API set to read-only, and is this machine among the trusted addresses?",
            "Is somebody else logged in with the same user name? IB lets one login have the market data.",
            "IB restarts its servers every night around midnight New York; then it comes back by itself.",
            "collector doctor tells which of these it is.",
        ),
        Cause.CLIENT_ID: (
            "Is collector serve at work? It stays connected between windows, so a command by hand needs another id:",
            "COLLECTOR_GATEWAY__CLIENT_ID=18 collector run …, or whatever number is free.",
            "Is another program set to the same client id? Give one of the two another (gateway.client_id).",
            "A program that crashed keeps its id for some seconds; then the same command works.",
        ),
        Cause.DATABASE_DOWN: (
            "Is PostgreSQL running, and does it take connections? collector db status shows what it says.",
            "Was its disk full or its file system read-only? Its own log says so.",
            "Did the address, the user or the login secret change? They come from the environment or the secrets file.",
            "Is the schema current? collector db upgrade brings it up to date.",
        ),
        Cause.PERMISSION: (
            "Does the account have OPRA (US options) and the US equity market-data subscriptions?",
            "Are they paid and acknowledged for this user? IB's Client Portal: Settings → Market Data Subscriptions.",
            "On a paper account: is market-data sharing with the live account switched on?",
            "Is a live session with the same user open elsewhere? It takes the market data with it.",
            "collector doctor --permissions asks for a day of every series and shows IB's words.",
        ),
        Cause.PACING: (
            "Does another program fetch history on the same login? IB counts all of them together.",
            "The collector has slowed itself down; what was left is fetched by the next window.",
            "If it happens again, lower the pace in the configuration (pacing), or narrow the selection.",
        ),
        Cause.DISK: (
            "Make room on the database's disk: old logs and old backups first, never the database's own files.",
            "sql/status/storage_by_table.sql shows the sizes of tables, collector db status if they are compressed.",
            "Nothing that was stored is damaged: a batch is stored whole or not at all.",
        ),
        Cause.CONFIGURATION: (
            "The message names the file, the line and the key: mend it there.",
            "Settings from the environment win over the file: is an old COLLECTOR_… variable set?",
            "collector doctor reads the configuration and checks what it names.",
        ),
        Cause.USAGE: (
            "The message says which word it was: a symbol, a date, a span. The same words never work later.",
            "Symbols are written as IB writes them; collector chains list shows what is known.",
            "Words from a timer come from the configuration: symbols, and windows.….symbols.",
        ),
        Cause.BACKUP: (
            "Is the folder of backup.directory there and writable, its disk mounted, with room for one more?",
            "Is a pg_dump of the server's version (or a newer one) installed? The message says which.",
            "Does the database's user own the tables? pg_dump has to read all of them.",
            "Earlier backups are untouched, and the schedule tries again; nothing that was collected is at risk.",
        ),
        Cause.ARCHIVE: (
            "Is the folder or bucket of archive.place there and writable, its disk mounted, with room?",
            "Do the credentials of section archive still hold? collector doctor tries the place.",
            "collector archive --plan says what waits, collector archive verify what is damaged.",
            "Nothing that was archived is at risk, and no bars are dropped that the archive does not hold.",
        ),
        Cause.INTERRUPTED: (
            "The run was told to stop (Ctrl-C, a shutdown, or the machine went to sleep).",
            "What was stored stays; the command below continues where it stopped.",
        ),
        Cause.INCOMPLETE: (
            "The next window asks again for what is missing; nothing needs to be done now.",
            "If the same contracts fail again, sql/status/dead_letters.sql shows them with IB's words.",
        ),
        Cause.UNKNOWN_SYMBOL: (
            "A new number of IB's is taken over by itself, and told; here IB has no such security, or no options.",
            "Was it delisted or merged? Take it out of symbols (and of windows.….symbols); what is stored stays.",
            "Has it another ticker? Put that into symbols: where IB's number stayed, its history goes on under it.",
            "Is it listed elsewhere now? If it is the same company, correct primary_exchange in underlying_securities.",
            "Were tickers swapped? Exchange them in underlying_securities, too: each history stays with its company.",
            "The other symbols are complete. Until then every window tries this one again: collector chains refresh.",
        ),
        Cause.IMPLAUSIBLE: (
            "No market is so empty: far more likely the source answered “no data” where there was data.",
            "Nothing is lost yet: no empty answer of the session is settled, its gaps stay open; bars are safe.",
            "Contracts that expire on the session are at risk: IB forgets them at midnight New York.",
            "The next window asks again by itself. Sooner by hand: the command below, half an hour after this run.",
            "Was the market really so, a halt for instance? collector coverage accept takes the session as it looks.",
            "Left alone, it is accepted once three nights have found the same.",
        ),
        Cause.UNFORESEEN: (
            "This error was not foreseen: the traceback and the log show where it came from.",
            "Bars that were stored before it are safe; the command below continues from there.",
            "If it comes back, report it with the traceback; it holds no values and no secrets.",
        ),
    }
)
"""Per cause, what to look at, most likely first."""


def checklist(cause: Cause) -> tuple[str, ...]:
    """Return what to look at after a failure of this cause, most likely first."""
    return CHECKLISTS[cause]


def checklist_at_work(kind: ConditionKind) -> tuple[str, ...]:
    """Return what to look at while a condition of this kind holds a run up, most likely first."""
    return CHECKLISTS[_CAUSES_OF_CONDITIONS.get(kind, Cause.GATEWAY_DOWN)]


def cause_of(error: BaseException) -> Cause:
    """Return the cause that an error stands for, looking through what it was raised from; UNFORESEEN for the rest."""
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _DISK_FULL:
            return Cause.DISK
    for link in _chain(error):
        for kinds, cause in _CAUSES:
            if isinstance(link, kinds):
                return _disk_in_words(link, cause)
    return Cause.UNFORESEEN


def traceback_without_values(error: BaseException) -> str:
    """Return the traceback as text: files, lines and messages, never the values of local variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=False, compact=True).format())


_CAUSES_OF_CONDITIONS = {
    ConditionKind.PACING_PAUSE: Cause.PACING,
    ConditionKind.DATABASE_AWAY: Cause.DATABASE_DOWN,
    ConditionKind.DISK_LOW: Cause.DISK,
}
"""All others are of the gateway and what lies behind it."""

_CAUSES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Cause], ...] = (
    (ClientIdInUse, Cause.CLIENT_ID),
    (GatewayError, Cause.GATEWAY_DOWN),
    (BackupError, Cause.BACKUP),
    (ArchiveError, Cause.ARCHIVE),
    (DiskFull, Cause.DISK),
    (DatabaseError, Cause.DATABASE_DOWN),
    (ConfigurationError, Cause.CONFIGURATION),
    (UsageError, Cause.USAGE),
    ((Interrupted, KeyboardInterrupt, LockHeld), Cause.INTERRUPTED),
)


def _disk_in_words(error: BaseException, cause: Cause) -> Cause:
    words = str(error).lower()
    if cause is Cause.DATABASE_DOWN and ("disk full" in words or "no space left" in words):
        return Cause.DISK
    return cause


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            yield from link.exceptions
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
