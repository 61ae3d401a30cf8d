"""Answers as JSON, and their schemas."""

import json
from typing import Any

from pydantic import TypeAdapter

from collector.web.page import AnyPage

_adapters: dict[str, "TypeAdapter[Any]"] = {}
"""By the path of their pages: making one takes longer than an answer."""


def _adapter(page: AnyPage) -> "TypeAdapter[Any]":
    if page.path not in _adapters:
        _adapters[page.path] = TypeAdapter(page.model)
    return _adapters[page.path]


def to_json(page: AnyPage, answer: object) -> bytes:
    """Return an answer as JSON: instants in RFC 3339, decimals as text."""
    return _adapter(page).dump_json(answer, indent=2)


def schema(page: AnyPage) -> dict[str, Any]:
    """Return the JSON schema of a page's answers."""
    return _adapter(page).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")


def refusal(message: str, hint: str) -> bytes:
    """Return why there is no answer, as JSON."""
    return json.dumps({"message": message, "hint": hint}, indent=2).encode()
