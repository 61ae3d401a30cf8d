"""Writes the pictures of example mails for the documentation: `python -m tests.support.mail_screenshots docs`."""

import sys
from pathlib import Path

from tests.support import browser, example_mails


def main(directory: Path) -> None:
    """Write one picture per mail, as tall as the mail is."""
    pages = example_mails.pages()
    for name, width, dark in (
        ("success", 660, False),
        ("partial", 660, False),
        ("failed", 660, False),
        ("implausible", 660, False),
        ("success", 390, True),
        ("gap_fill", 660, False),
        ("weekly", 660, False),
    ):
        height = int(browser.measured({name: pages[name]}, (width,), dark=dark)[f"{name} {width}"]["height"])
        look = f"-phone{'-dark' if dark else ''}" if width < 600 else ""
        browser.screenshot(pages[name], directory / f"mail-{name}{look}.png", width, height, dark=dark)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
