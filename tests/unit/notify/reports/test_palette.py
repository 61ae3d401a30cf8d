"""The palette: the only place of a colour, whole and without remainder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import web
from collector.notify.reports import palette
from tests.support.example_mails import mails

NOTIFY = Path(palette.__file__).parents[1]
FILES = sorted(path for path in NOTIFY.rglob("*") if path.suffix in (".py", ".j2") and path != Path(palette.__file__))
PAGES = sorted(path for path in Path(web.__file__).parent.rglob("*") if path.suffix in {".css", ".js", ".j2", ".py"})
NAMES = [name for name in vars(palette) if name.isupper()]

_HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b|(?<!palette\.)\b(?:rgb|hsl)a?\(")
_LITERAL = re.compile(r"(?:colou?r|background)\s*:\s*(?!\{\{|\{%|dark|light)\w+")
"""A colour by its English name; `color-scheme: light dark` is none."""


def _triples(source: str) -> Iterator[int]:
    """Yield the lines of tuples and lists of three or four numbers from 0 to 255, and nothing else."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) in (3, 4):
            values = [one.value for one in node.elts if isinstance(one, ast.Constant)]
            if len(values) == len(node.elts) and all(type(value) is int and 0 <= value <= 255 for value in values):
                yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_colour_stands_elsewhere(path: Path) -> None:
    """No template and no module but the palette writes a colour: neither as hex, nor by its name, nor as numbers."""
    text = path.read_text(encoding="utf-8")

    assert _HEX.findall(text) == []
    if path.suffix == ".py":
        assert list(_triples(text)) == []
    else:
        assert _LITERAL.findall(text) == []


@pytest.mark.parametrize("text", ["#fff", "color:#1c2530;", "rgb(1, 2, 3)", "color:red;", "background: white"])
def test_a_written_colour_is_found(text: str) -> None:
    """The search above sees a colour however it is written into a template."""
    assert _HEX.search(text) or _LITERAL.search(text)


def test_written_numbers_are_found() -> None:
    """The search above sees red, green and blue, and takes no date and no scale for a colour."""
    source = "RED = (221, 60, 62)\nday = date(2026, 11, 20)\nsteps = (1, 2, 3, 5, 10)\nCLEAR = [0, 0, 0, 0]\n"
    assert list(_triples(source)) == [1, 4]


@pytest.mark.parametrize("name", NAMES)
def test_every_colour_is_used(name: str) -> None:
    """Each name of the palette stands in a template, a chart or a page; a shade of mails by day and by night."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)

    assert re.search(rf"palette\.{name}\b", text) or re.search(rf"\b{name.lower().replace('_', '-')}\b", pages)
    if isinstance(getattr(palette, name), palette.Shade):
        assert f"palette.{name}.dark" in text


def test_mails_hold_the_colours_of_the_palette_and_no_other() -> None:
    """Every mail shows the palette alone: the light colours in the elements, the dark ones in the style sheet."""
    values = [getattr(palette, name) for name in NAMES]
    shades = [value for value in values if isinstance(value, palette.Shade)]
    fixed = {value for value in values if isinstance(value, str)}

    for mail in mails().values():
        sheet, _, elements = mail.html.partition("</style>")
        assert set(_HEX.findall(sheet)) == {shade.dark for shade in shades}
        assert set(_HEX.findall(elements)) <= {shade.light for shade in shades} | fixed


def test_numbers_of_a_colour() -> None:
    """Red, green and blue are the three pairs of digits, in this order."""
    assert palette.rgb("#1a9870") == (26, 152, 112)
