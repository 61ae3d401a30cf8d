"""A broken night, with real parts: no gateway for every window of a day, then it is back; what the owner is told."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from collector.app import composition, opening
from collector.clock import SystemClock
from collector.config import DatabaseSettings, GatewaySettings, LogSettings, Settings
from collector.db.connection import pool
from collector.domain.errors import GatewayUnavailable
from collector.domain.run_vocabulary import RunStatus, Window
from collector.runs.orders import order_for
from collector.simulator.launch import start
from tests.support.db_rows import rows
from tests.support.fault_proxy import unused_port
from tests.support.mail_server import Mailbox, mail_server, mails_to
from tests.support.truth import compare
from tests.support.window_runs import FRIDAY, narrow

NEW_YORK = ZoneInfo("America/New_York")
BROKEN = [(Window.MORNING, 10, 0), (Window.MIDDAY, 12, 30), (Window.EXPIRY_CHECK, 15, 0), (Window.EOD, 16, 45)]


def settings_for(url: str, port: int, folder: Path, mail_port: int) -> Settings:
    """Return a configuration with this database, gateway and mail server."""
    return narrow(
        "PLTR",
        database=DatabaseSettings(url=SecretStr(url)),
        gateway=GatewaySettings(port=port, patience_s=1.0),
        log=LogSettings(directory=folder),
        notify=mails_to(mail_port),
    )


async def test_one_failure_mail_and_one_recovery(plain_database_url: str, tmp_path: Path) -> None:
    """Four windows find no gateway, the fifth does: one preflight failure, no repeats, one recovery, all bars there."""
    mailbox, port = Mailbox(), unused_port()
    clock = SystemClock()
    async with mail_server(mailbox) as mail_port:
        settings = settings_for(plain_database_url, port, tmp_path, mail_port)
        days = opening.calendar(settings)
        for window, hour, minute in BROKEN:
            clock.set(datetime(2026, 11, 20, hour, minute, tzinfo=NEW_YORK))
            outcome = await composition.run_window(settings, order_for(window, settings, days, clock.now()), clock)
            assert isinstance(outcome.error, GatewayUnavailable)
        clock.set(datetime(2026, 11, 20, 18, 0, tzinfo=NEW_YORK))
        gateway = await start(clock=clock, port=port)
        try:
            back = await composition.run_window(
                settings, order_for(Window.LATE_NIGHT, settings, days, clock.now()), clock
            )
        finally:
            await gateway.stop()

    assert back.report.status is RunStatus.SUCCESS, back.report.failure
    await compare(plain_database_url, gateway.market, [FRIDAY], [])
    subjects = [mail["Subject"] for mail in mailbox.received]
    assert len(subjects) == 2, subjects
    assert subjects[0] == "[collector] morning 2026-11-20 PREFLIGHT FAILED · gateway down"
    assert subjects[1].startswith("[collector] RECOVERED · late_night 2026-11-20 OK · 100.0 %")
    body = mailbox.received[1].get_body(("plain",))
    assert body is not None
    async with pool.connect(plain_database_url, clock) as db:
        [counts] = await rows(
            db, "SELECT (SELECT count(*) FROM option_bars_5min), (SELECT count(*) FROM underlying_bars_5min)"
        )
    stored = "{:,} option bars and {:,} of underlyings".format(*counts)
    for words in ("morning of 2026-11-20", "eod of 2026-11-20", stored):
        assert words in body.get_content()
