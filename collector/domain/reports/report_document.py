"""Reports as JSON documents, and back.

Reports as JSON documents and back; one rule for every report dataclass.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from collector.domain.json_values import spelled

ReportT = TypeVar("ReportT")


def to_document(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a report, or any value inside one, as dicts, lists, strings, numbers, booleans and None."""
    if is_dataclass(value):
        return {field.name: to_document(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return spelled(value)
    if isinstance(value, (tuple, list)):
        return [to_document(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a report may not hold a {type(value).__name__}")


def from_document(kind: type[ReportT], document: Mapping[str, Any]) -> ReportT:
    """Rebuild a report of class `kind` from its document.

    Keys that the class does not know are ignored and missing ones take their defaults, so that reports of other
    versions stay readable.

    Raises:
        TypeError: a value without default is missing, or a value is of another kind than its field.
        ValueError: a value has no meaning in its field.
    """
    value: ReportT = _read(kind, document)
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any) -> Any:  # noqa: ANN401 - walks annotations
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = [argument for argument in get_args(kind) if argument is not NoneType]
        return None if value is None else _read(inner, value)
    if origin is tuple:
        return _read_tuple(get_args(kind), value)
    if is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, value)
    if kind in (datetime, date):
        return _read_day(kind, value)
    if kind is float or issubclass(kind, Enum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value


def _read_day(kind: type[date], value: str) -> date:
    found = kind.fromisoformat(value)
    if isinstance(found, datetime) and found.tzinfo is None:
        raise ValueError("an instant without its zone")
    return found


def _read_tuple(arguments: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    if arguments[-1] is Ellipsis:
        return tuple(_read(arguments[0], item) for item in values)
    return tuple(_read(argument, item) for argument, item in zip(arguments, values, strict=True))


def _read_dataclass(kind: type, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of class `kind`
    hints = _hints(kind)
    return kind(**{name: _read(hints[name], item) for name, item in document.items() if name in hints})
