"""All pages, in the order of the menu."""

from collector.web.page import AnyPage, Download
from collector.web.pages import schedule
from collector.web.pages.contracts import account, arrow, chain, chains, contract

PAGES: tuple[AnyPage, ...] = (
    schedule.PAGE,
    chains.PAGE,
    chain.PAGE,
    account.PAGE,
    contract.PAGE,
)

DOWNLOADS: tuple[Download, ...] = (arrow.OF_SYMBOL, arrow.OF_CONTRACT)

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
