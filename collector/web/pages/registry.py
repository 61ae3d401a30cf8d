"""All pages, in the order of the menu."""

from collector.web.page import AnyPage, Download
from collector.web.pages import acts
from collector.web.pages.contracts import account, arrow, chain, chains, contract
from collector.web.pages.coverage import residuals, session_day, symbol_sessions
from collector.web.pages.days import schedule, today
from collector.web.pages.records import archive, gaps, health, mails, run, runs, sessions

PAGES: tuple[AnyPage, ...] = (
    today.PAGE,
    sessions.PAGE,
    session_day.PAGE,
    residuals.PAGE,
    symbol_sessions.PAGE,
    chains.PAGE,
    chain.PAGE,
    account.PAGE,
    contract.PAGE,
    runs.PAGE,
    run.PAGE,
    gaps.PAGE,
    schedule.PAGE,
    archive.PAGE,
    mails.OUTBOX,
    mails.MAIL,
    acts.ALL,
    acts.NEW,
    acts.ONE,
    health.PAGE,
)

DOWNLOADS: tuple[Download, ...] = (
    arrow.OF_SYMBOL,
    arrow.OF_CONTRACT,
    run.PICTURE,
    mails.HTML,
    session_day.GRID,
    symbol_sessions.GRID,
)

MENU = (
    ("/", "Today"),
    ("/sessions", "Sessions"),
    ("/chains", "Chains"),
    ("/runs", "Runs"),
    ("/gaps", "Gaps"),
    ("/schedule", "Schedule"),
    ("/archive", "Archive"),
    ("/mails", "Mails"),
    ("/acts", "Acts"),
    ("/health", "Health"),
)
"""Addresses and words of the menu."""
