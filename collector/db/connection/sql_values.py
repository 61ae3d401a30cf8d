"""Convert spans, decimals and JSON for the server.

Values on their way to the server and back: spans and ranges, decimals, JSON.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg

from collector.domain.market_data.spans import Span, Spans


async def teach(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Let a connection give and take JSON as what it stands for, and decimals as text.

    Python reads a decimal's text twice as fast as the driver puts it together from the server's digits.
    """
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    await connection.set_type_codec("numeric", encoder=str, decoder=Decimal, schema="pg_catalog", format="text")


def sent(args: Sequence[object]) -> list[object]:
    """Return arguments of a statement as the driver takes them."""
    return [_to_driver(arg) for arg in args]


def _to_driver(value: object) -> object:
    if isinstance(value, Spans):
        return [asyncpg.Range(span.start, span.end) for span in value]
    if isinstance(value, Span):
        return asyncpg.Range(value.start, value.end)
    return value


def _to_span(value: "asyncpg.Range[Any] | None") -> Span | None:
    return None if value is None or value.isempty else Span(value.lower, value.upper)


def _to_spans(value: "Sequence[asyncpg.Range[Any]] | None") -> Spans | None:
    return None if value is None else Spans(Span(part.lower, part.upper) for part in value)


DECODERS: Mapping[str, Callable[[Any], Any]] = {"tstzrange": _to_span, "tstzmultirange": _to_spans}
"""By type of the server: what makes our values of what the driver gives."""


def spans_literal(spans: Spans) -> str:
    """Return a set of spans as PostgreSQL writes a tstzmultirange; for COPY and for arrays of them."""
    return "{" + ",".join(map(span_literal, spans)) + "}"


def span_literal(span: Span) -> str:
    """Return a span as PostgreSQL writes a tstzrange."""
    return f"[{span.start.isoformat()},{span.end.isoformat()})"


def copy_text(*fields: object) -> str:
    """Return a line of COPY's text format; None is NULL, and what would end a field or a line is escaped."""
    return "\t".join(map(_copy_field, fields)) + "\n"


def _copy_field(value: object) -> str:
    return r"\N" if value is None else str(value).translate(_ESCAPES)


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": ""})
