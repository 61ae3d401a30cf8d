"""All pages, in the order of the menu."""

from collector.web.page import AnyPage, Download
from collector.web.pages import acts, schedule, today
from collector.web.pages.records import archive, gaps, health, mails, run, runs, sessions

PAGES: tuple[AnyPage, ...] = (
    today.PAGE,
    sessions.PAGE,
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

DOWNLOADS: tuple[Download, ...] = (run.PICTURE, mails.HTML)

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
