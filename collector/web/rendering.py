"""Templates of the pages."""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from collector.domain.coverage.coverage_rules import NEW_YORK
from collector.market.outlook import ISRAEL
from collector.notify.reports import palette, wording

_TEMPLATES = Path(__file__).parent / "templates"


def environment(**shared: object) -> Environment:
    """Return the templates.

    Args:
        shared: what every template knows.
    """
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html", "html.j2"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "israel": lambda at: _clock(at, ISRAEL),
        "new_york": lambda at: _clock(at, NEW_YORK),
        "utc": lambda at: _clock(at, UTC),
        "instant": wording.in_new_york,
        "moment": _moment,
        "price": _price,
        "day": wording.day,
        "percent": wording.percent,
        "count": wording.count,
        "many": wording.many,
        "duration": wording.duration,
        "seconds": wording.seconds,
        "size": wording.size,
        "rate": wording.rate,
        "words": lambda name: str(name).replace("_", " "),
    }
    templates.globals |= {"session_signs": wording.SESSION_SIGNS, **shared}
    return templates


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %H:%M}"


def _price(value: Decimal | float | None) -> str:
    """Return a price or a fraction with two decimals at least and all that it has, four at most."""
    if value is None:
        return wording.NONE
    text = f"{value:.4f}"
    return text[:-2] + text[-2:].rstrip("0")


def _moment(at: datetime | None) -> str:
    return wording.NONE if at is None else f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def palette_css() -> str:
    """Return the palette as custom properties: `--no-trade` for NO_TRADE, shades by light and dark."""
    lines = []
    for name, colour in vars(palette).items():
        if name.isupper():
            value = f"light-dark({colour.light}, {colour.dark})" if isinstance(colour, palette.Shade) else colour
            lines.append(f"  --{name.lower().replace('_', '-')}: {value};")
    return ":root {\n" + "\n".join(lines) + "\n}\n"


def rendered(templates: Environment, template: str, **values: Any) -> str:  # noqa: ANN401 - whatever a template shows
    """Return a page's HTML."""
    return templates.get_template(template).render(**values)
