"""Answers as JSON."""

import json
from typing import Any

from pydantic import TypeAdapter

from collector.domain.json_values import spelled
from collector.web.page import AnyPage

_adapters: dict[str, "TypeAdapter[Any]"] = {}
"""By the path of their pages: making one takes longer than an answer."""


def adapter(page: AnyPage) -> "TypeAdapter[Any]":
    """Return what knows the form of a page's answers."""
    if page.path not in _adapters:
        _adapters[page.path] = TypeAdapter(page.model)
    return _adapters[page.path]


def to_json(page: AnyPage, answer: object) -> bytes:
    """Return an answer as JSON: instants in RFC 3339, decimals as text, as the command line's `--json` spells them."""
    return json.dumps(adapter(page).dump_python(answer), indent=2, default=spelled).encode()


def refusal(message: str, hint: str) -> bytes:
    """Return why there is no answer, as JSON."""
    return json.dumps({"message": message, "hint": hint}, indent=2).encode()
