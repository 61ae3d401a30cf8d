"""What every section of the configuration has in common."""

from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from collector.domain.errors import ConfigurationError
from collector.machine import private_files

_STARS = str(SecretStr("secret"))


class Section(BaseModel):
    """A part of the configuration: frozen, and it refuses keys that it does not know and values that nobody means."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _meant(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
        """Refuse control characters, but in secrets, and folders without a name, which would be the working one."""
        for name, value in given.items() if isinstance(given, dict) else ():
            field = cls.model_fields.get(name)
            if field is None or not isinstance(value, str) or holds_secret(field.annotation):
                continue
            if not value.isprintable():
                raise misfit((name,), "holds line ends, control characters or others that cannot be seen")
            if not value.strip() and Path in getattr(field.annotation, "__args__", ()):
                raise misfit((name,), "should be a path, or null for the usual one")
        return given


def misfit(key: tuple[str | int, ...], words: str) -> PydanticCustomError:
    """Return what a section raises about a key below it, so that the complaint names that key and its line."""
    return PydanticCustomError(MISFIT, "{words}", {"words": words, "key": key})


MISFIT = "misfit"


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


def model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations have no common type
    """Return the section that a key holds, alone or in a list; None where it holds plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := model_in(inner))), None)


def holds_secret(annotation: Any) -> bool:  # noqa: ANN401 - as above
    """Tell whether a key's value is a secret, or has one in it."""
    if model := model_in(annotation):
        return any(holds_secret(field.annotation) for field in model.model_fields.values())
    return annotation is SecretStr or any(map(holds_secret, getattr(annotation, "__args__", ())))


def secrets_written(
    annotation: Any,  # noqa: ANN401 - as above
    value: object,
    key: tuple[str | int, ...] = (),
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield key and text of what a file says where secrets belong, checked or not; never show the text to anybody.

    Args:
        annotation: the type of what the file should say there.
        value: what it says.
        key: where.
    """
    model = model_in(annotation)
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from secrets_written(annotation, one, (*key, number))
    elif isinstance(value, str) and holds_secret(annotation):
        yield key, value
    elif model is not None and isinstance(value, dict):
        for name, field in model.model_fields.items():
            if name in value:
                yield from secrets_written(field.annotation, value[name], (*key, name))


def refuse_exposed(path: Path) -> None:
    """Refuse a file with secrets that others can read, or a folder of such files that others can change.

    Raises:
        ConfigurationError: with the command that mends it.
        OSError: it cannot be looked at.
    """
    if exposed := private_files.exposure(path):
        raise ConfigurationError(*exposed)


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


Days = Annotated[int, Field(ge=1, le=36_500)]
"""An age in days, a century at most: beyond it dates end."""

Hours = Annotated[float, Field(gt=0, le=87_600)]
"""An age in hours, ten years at most."""

HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:%\[\]-]{1,253}$")]
"""A name or address of a machine, without anything around it."""

TimeOfDay = Annotated[time, BeforeValidator(_written_as_time)]
"""A wall-clock time, written as 16:45; a bare number is refused, since it would count seconds."""
