"""All pages, in the order of the menu."""

from collector.web.page import AnyPage, Download
from collector.web.pages import schedule
from collector.web.pages.coverage import residuals, session_day, symbol_sessions
from collector.web.pages.records import archive, gaps, health, mails, run, runs, sessions

PAGES: tuple[AnyPage, ...] = (
    sessions.PAGE,
    session_day.PAGE,
    residuals.PAGE,
    symbol_sessions.PAGE,
    runs.PAGE,
    run.PAGE,
    gaps.PAGE,
    schedule.PAGE,
    archive.PAGE,
    mails.OUTBOX,
    mails.MAIL,
    health.PAGE,
)

DOWNLOADS: tuple[Download, ...] = (session_day.GRID, symbol_sessions.GRID, run.PICTURE, mails.HTML)

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
