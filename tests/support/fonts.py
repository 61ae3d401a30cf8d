"""Fonts of a page under test, from packages instead of from the machine.

A page that is dressed in one of them looks the same wherever the suite runs: no other font is left in it.
"""

import re
from functools import cache
from importlib.resources import as_file, files

FONTS = {"narrow": "PT Sans Narrow", "wide": "Unbounded", "serif": "PT Serif"}
"""By what they are here for; wide is wider than any font of a mail program."""

_FIXED = "JetBrains Mono"
"""Instead of the fixed-width fonts."""

_SIGNS = ("Unbounded", _FIXED)
"""Have together every sign that mails use beside letters."""

_STACK = re.compile(r"font-family:([^;}\"]+)")


@cache
def _faces() -> str:
    """Return the @font-face rules of all: a weight a file, or one file that varies."""
    rules = []
    for family in {*FONTS.values(), *_SIGNS}:
        with as_file(files("fontpkg_" + family.lower().replace(" ", "_")) / "files") as folder:
            for file in sorted(folder.glob("*.ttf")):
                if "Italic" in file.name:
                    continue
                weight = "100 900" if "[wght]" in file.name else "600 900" if "Bold" in file.name else "100 500"
                rules.append(f"@font-face{{font-family:'{family}';font-weight:{weight};src:url('{file.as_uri()}')}}")
    return "".join(rules)


def dressed(page: str, kind: str) -> str:
    """Return a page in which every stack of fonts is replaced.

    Args:
        page: with a head.
        kind: of FONTS; what is of fixed width gets the one font of that kind.
    """

    def instead(stack: re.Match[str]) -> str:
        first = _FIXED if "monospace" in stack[1] else FONTS[kind]
        return "font-family:" + ",".join(f"'{family}'" for family in (first, *_SIGNS))

    return _STACK.sub(instead, page).replace("<style>", f"<style>{_faces()}", 1)
