"""Fonts of a page under test, from packages instead of from the machine.

A page that is dressed in one of them looks the same wherever the suite runs: no other font is left in it.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

FONTS = {"narrow": "PT Sans Narrow", "wide": "Unbounded", "serif": "PT Serif"}
"""By what they are here for; wide is wider than any font of a mail program."""

_FIXED = "JetBrains Mono"
"""Instead of the fixed-width fonts."""

_SIGNS = ("Unbounded", _FIXED)
"""Have together every sign that mails use beside letters."""

_STACK = re.compile(r"font-family:([^;}\"]+)")


def font_files() -> Iterator[tuple[str, Path]]:
    """Yield family and file of each font, a weight a file, or one file that varies."""
    for family in sorted({*FONTS.values(), *_SIGNS}):
        with as_file(files("fontpkg_" + family.lower().replace(" ", "_")) / "files") as folder:
            for file in sorted(folder.glob("*.ttf")):
                if "Italic" not in file.name:
                    yield family, file


def faces(address: Callable[[Path], str]) -> str:
    """Return the @font-face rules of all.

    Args:
        address: where a page finds a file.
    """
    rules = []
    for family, file in font_files():
        weight = "100 900" if "[wght]" in file.name else "600 900" if "Bold" in file.name else "100 500"
        rules.append(f"@font-face{{font-family:'{family}';font-weight:{weight};src:url('{address(file)}')}}")
    return "".join(rules)


def stack(kind: str) -> str:
    """Return the families of a kind of FONTS, or of fixed width, as a style sheet lists them; no other font is left."""
    return ",".join(f"'{family}'" for family in (FONTS.get(kind, _FIXED), *_SIGNS))


@cache
def _faces_in_files() -> str:
    return faces(Path.as_uri)


def dressed(page: str, kind: str) -> str:
    """Return a page in which every stack of fonts is replaced.

    Args:
        page: with a head.
        kind: of FONTS; what is of fixed width gets the one font of that kind.
    """

    def instead(found: re.Match[str]) -> str:
        return "font-family:" + stack("fixed" if "monospace" in found[1] else kind)

    return _STACK.sub(instead, page).replace("<style>", f"<style>{_faces_in_files()}", 1)
