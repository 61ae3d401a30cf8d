"""The colours of the mails and their pictures.

Templates write them into each element, for mail programs that know no style sheet, and the dark ones into the style
sheet that overrides them; pictures are drawn in them. A colour stands here and nowhere else. All are #rrggbb.
"""

from typing import NamedTuple


class Shade(NamedTuple):
    """A colour that dark mode changes."""

    light: str
    dark: str


BACKGROUND = Shade("#f3f5f7", "#0d1117")
"""Of the page, and of what is quoted on a card."""
CARD = Shade("#ffffff", "#161b22")
CARD_EDGE = Shade("#d9dfe5", "#30363d")
NOTE = Shade("#f6f8fa", "#1c2430")
"""Behind an alert or an error."""
LINE = Shade("#e8ecef", "#30363d")
"""Between rows."""
QUOTE_EDGE = Shade("#e1e6ea", "#30363d")

TEXT = Shade("#1c2530", "#e6edf3")
DIM = Shade("#66717d", "#9aa5b1")
GOOD = Shade("#167a58", "#3fb98c")
WARNING = Shade("#946200", "#e3a63b")
BAD = Shade("#c62828", "#ff7b72")
LINK = Shade("#1f5fae", "#6cb0f5")

# What follows is the same in dark mode: a banner brings its own background, and a picture cannot change.

BANNER_TEXT = "#ffffff"
BANNER_SUCCESS = GOOD.light
BANNER_PARTIAL = "#8f5f00"
BANNER_FAILED = "#b3261e"
BANNER_RECOVERED = "#1f5fae"
BANNER_DOUBTED = "#7440b8"

TRADED = "#1a9870"
NO_TRADE = "#a4b4c8"
UNKNOWN = "#dd3c3e"
UNQUOTED = Shade("#c9d2dd", "#333e4c")
"""It is known that nobody quoted; faint, for most of a chain is so."""
QUOTED = "#3880e6"
VALUED = "#9660d8"
"""A volatility is there."""
AWAITING = "#e0c341"
QUARANTINED = "#e0249a"
LOST = "#6d1f33"

SUCCEEDED = TRADED
PARTIAL = "#d68c14"
FAILED = UNKNOWN
RUNNING = "#3880e6"

REACHED = RUNNING
REQUESTS = RUNNING
LATENCY = "#9660d8"
GRID = "#808c9c"

ALERT_CRITICAL = "#d93b3d"
ALERT_WARNING = PARTIAL
ALERT_INFO = RUNNING
ALERT_GOOD = TRADED


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour written #rrggbb, each 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
