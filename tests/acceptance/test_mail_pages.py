"""Every mail in a real browser: on a phone and on a desk, by day and by night, in whatever font the reader has."""

import re
from functools import cache
from typing import Any

import pytest

from tests.support import browser, example_mails, fonts

pytestmark = pytest.mark.skipif(
    browser.PROGRAM is None, reason="no Chromium on this machine: the mails' layout is not checked"
)

PHONE, DESKTOP = 390, 1000
KINDS = tuple(example_mails.mails())


@cache
def _measured(dark: bool) -> dict[str, dict[str, Any]]:
    """Lay every mail out in every font, each once by day and by night: "kind font width"."""
    pages = {
        f"{kind} {font}": fonts.dressed(page, font)
        for kind, page in example_mails.pages().items()
        for font in fonts.FONTS
    }
    return browser.measured(pages, (PHONE, DESKTOP), dark=dark)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("font", fonts.FONTS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_sticks_out_and_every_picture_shows(kind: str, font: str, width: int, dark: bool) -> None:
    """No horizontal overflow of the page or of any element, no missing picture, no text too pale to read."""
    result = _measured(dark)[f"{kind} {font} {width}"]

    assert result["unloaded"] == []
    assert result["width"] == width
    assert result["scroll"] <= width
    assert result["wide"] == []
    assert result["missing"] == []
    assert result["pale"] == []
    assert result["images"] == len(example_mails.mails()[kind].pictures)


def test_each_font_is_laid_out_by_itself() -> None:
    """The same mail takes more height on a phone in the wide font than in the serif, and least in the narrow one."""
    heights = [_measured(False)[f"success {font} {PHONE}"]["height"] for font in ("narrow", "serif", "wide")]

    assert heights == sorted(set(heights))


def test_dark_mode_is_dark() -> None:
    """The same mail has a light ground by day and a dark one by night."""
    light, dark = (
        [int(part) for part in re.findall(r"\d+", _measured(dark)[f"success wide {PHONE}"]["background"])]
        for dark in (False, True)
    )
    assert min(light) > 192
    assert max(dark) < 64


@pytest.mark.parametrize("kind", ["success", "partial", "recovery"])
def test_sessions_are_drawn_once_by_day_and_once_by_night(kind: str) -> None:
    """Of each pair of pictures the reader sees the one that fits; the others are seen always."""
    others = len([name for name in example_mails.mails()[kind].pictures if not name.startswith("coverage")])
    for dark, seen in ((False, "day"), (True, "night")):
        shown = _measured(dark)[f"{kind} wide {PHONE}"]["shown"]
        assert sorted(shown) == sorted([""] * others + [seen] * 3)


def test_the_measurement_finds_what_it_looks_for() -> None:
    """A page with a wide table, a font and a picture that are not there and pale text is found out."""
    bad = (
        "<!DOCTYPE html><style>@font-face{font-family:gone;src:url('file:///nowhere.ttf')}</style>"
        "<body style='margin:0'><div style='width:600px'>wide</div>"
        "<img alt='gone' src='cid:nothing'><p style='color:#ccc'>pale</p></body>"
    )
    result = browser.measured({"bad": bad}, (PHONE,), dark=False)[f"bad {PHONE}"]

    assert result["scroll"] > PHONE
    assert result["wide"] == ["DIV: wide"]
    assert result["missing"] == ["gone"]
    assert result["unloaded"] == ["gone"]
    assert result["pale"][0].endswith("pale")
