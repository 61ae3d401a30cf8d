"""What every section of the configuration has in common."""

from collections.abc import Iterator
from datetime import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

_STARS = str(SecretStr("secret"))


class Section(BaseModel):
    """A part of the configuration: frozen, and it refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


def secrets_in(value: object) -> Iterator[str]:
    """Yield the secret values in a section and in the sections and lists inside it, for masking; never show them."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets_in(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            yield from secrets_in(one)


def without_secrets(dumped: object) -> Any:  # noqa: ANN401 - of the same kind as what is given
    """Return a section as pydantic dumps it for JSON without the secrets, for which it writes stars."""
    if isinstance(dumped, dict):
        return {key: without_secrets(value) for key, value in dumped.items() if value != _STARS}
    if isinstance(dumped, list):
        return [without_secrets(value) for value in dumped]
    return dumped


def _existing_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; they are named like America/New_York or Asia/Jerusalem") from None
    return name


Zone = Annotated[str, AfterValidator(_existing_zone)]
"""The IANA name of a time zone."""


def _written_as_time(given: object) -> object:
    if isinstance(given, int | float):
        raise ValueError("should be a time such as 16:45")  # noqa: TRY004 - pydantic wants ValueError
    return given


TimeOfDay = Annotated[time, BeforeValidator(_written_as_time)]
"""A wall-clock time, written as 16:45; a bare number is refused, since it would count seconds."""
