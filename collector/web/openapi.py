"""Describe the JSON of the pages as an OpenAPI document."""

import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from collector.domain.run_vocabulary import Window
from collector.web import documents
from collector.web.page import AnyPage, Download, Parameter

_SCHEMAS = "#/components/schemas/{model}"
_IN_PATH = re.compile(r"\{(\w+)(?::\w+)?\}")
_REFUSALS = {
    "400": "A parameter is wrong; the message says which.",
    "401": "No token, or not the one that the configuration names.",
    "404": "What is named does not exist.",
    "503": "The database cannot be asked now.",
}


class _Schema(GenerateJsonSchema):
    """Knows that windows have other names than the built-in ones."""

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Return any text for a window, the members of any other enumeration."""
        if schema["cls"] is Window:
            return {"title": "Window", "type": "string", "examples": list(Window)}
        return super().enum_schema(schema)


def document(pages: Sequence[AnyPage], downloads: Sequence[Download]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all answers below /api/v1.

    Args:
        pages: whose answers are given as JSON.
        downloads: whose answers are bytes.
    """
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (page.path, "serialization", documents.adapter(page)) for page in pages
    ]
    schemas, shared = TypeAdapter.json_schemas(adapters, ref_template=_SCHEMAS, schema_generator=_Schema)
    paths = {
        _spelled(page.path): _operation(
            page.what,
            page.path,
            page.parameters,
            "application/json",
            schemas[page.path, "serialization"],
        )
        for page in pages
    }
    paths |= {
        _spelled(one.path): _operation(one.what, one.path, one.parameters, one.media_type.partition(";")[0], {})
        for one in downloads
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "collector",
            "version": metadata.version("collector"),
            "description": "What the pages show, as JSON. Instants are RFC 3339 in UTC, fractions are of 1, exact "
            "prices are text.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**shared["$defs"], "Refusal": _REFUSAL},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The reader's token of the configuration; whoever is logged in needs none.",
                }
            },
        },
    }


_REFUSAL = {
    "title": "Refusal",
    "description": "Why there is no answer, and what to do about it.",
    "type": "object",
    "properties": {"message": {"type": "string"}, "hint": {"type": "string"}},
    "required": ["message", "hint"],
}


def contents(pages: Sequence[AnyPage], downloads: Sequence[Download]) -> dict[str, Any]:
    """Return what there is below /api/v1, for whoever looks there first."""
    found: Iterable[AnyPage | Download] = (*pages, *downloads)
    return {
        "openapi": "/api/v1/openapi.json",
        "answers": [
            {
                "path": "/api/v1" + _spelled(one.path),
                "what": one.what,
                "parameters": {each.name: each.meaning for each in one.parameters},
            }
            for one in found
        ],
    }


def _operation(
    what: str, path: str, parameters: Sequence[Parameter], media_type: str, schema: JsonSchemaValue
) -> dict[str, Any]:
    in_path = set(_IN_PATH.findall(path))
    name = re.sub(r"\W+", "_", path).strip("_") or "today"
    refusal = {"application/json": {"schema": {"$ref": _SCHEMAS.format(model="Refusal")}}}
    return {
        "get": {
            "operationId": name,
            "summary": what,
            "parameters": [
                {
                    "name": one.name,
                    "in": "path" if one.name in in_path else "query",
                    "description": one.meaning,
                    "required": one.name in in_path,
                    "schema": {"type": "string"},
                    **({"example": one.example} if one.example else {}),
                }
                for one in parameters
            ],
            "responses": {
                "200": {"description": "The answer.", "content": {media_type: {"schema": schema} if schema else {}}},
                **{code: {"description": words, "content": refusal} for code, words in _REFUSALS.items()},
            },
        }
    }


def _spelled(path: str) -> str:
    """Return a path without the converters of its parameters, which OpenAPI does not know."""
    return _IN_PATH.sub(r"{\1}", path)
