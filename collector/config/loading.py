"""Find and read the configuration, and report what is wrong.

Finding and reading the configuration, and saying clearly what is wrong with it.

Later wins: built-in defaults, config.yaml, the secrets file, the credentials directory, the environment, options.
"""

import difflib
import os
import re
import stat
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsError

from collector.config import written
from collector.config.package_files import resource
from collector.config.section import MISFIT, holds_secret, model_in, refuse_exposed, secrets_written
from collector.config.settings import Settings
from collector.config.written import KeyPath, Written
from collector.domain.errors import ConfigurationError
from collector.machine import private_files

_PREFIX = "COLLECTOR_"
_PLAIN = {
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "string_type": "should be text",
    "tuple_type": "should be a list",
    "model_type": "should hold `key: value` pairs",
    "missing": "is missing",
    "invalid_key": "should be text, in quotes",
    "string_pattern_mismatch": "holds what does not belong there",
    "finite_number": "should be a number",
    "time_parsing": "should be a time such as 16:45",
    "time_type": "should be a time such as 16:45",
}
"""What pydantic says, in the words of somebody who edits a file."""

_HIDDEN = "is not what it should be (a secret may be in it, so it is not shown)"
_OWN_CODE = str(Path(__file__).parents[1])

_TYPING_ERROR = 0.85
"""How like a section a variable's name is that is meant for one; other programs have COLLECTOR_… variables, too."""

_KEY = re.compile(r"[^:=@/]+")
"""Which unknown keys are repeated: others may be `password:secret`, without the space that makes it a value."""

_LONGEST_VALUE = 60
"""Characters of a wrong value that are repeated."""


def find(path: Path | None = None) -> Path:
    """Return the configuration file that counts.

    That is the one named by an option, else by COLLECTOR_CONFIG, else ./config.yaml, else the one in the per-user
    configuration directory, else the one that comes with the package.

    Raises:
        ConfigurationError: a file was named and is not there.
    """
    named = path or (Path(os.environ["COLLECTOR_CONFIG"]) if os.environ.get("COLLECTOR_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigurationError(
                f"The configuration {named} does not exist.",
                "Name another with --config, or leave the option and COLLECTOR_CONFIG out for the defaults.",
            )
        return named
    usual = (Path("config.yaml"), platformdirs.user_config_path("collector") / "config.yaml")
    return next((place for place in usual if place.is_file()), resource("config.yaml"))


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings.

    Args:
        path: the configuration file; None looks where `find` says.
        overrides: values of options, nested as in the file: {"gateway": {"port": 4002}}.

    Raises:
        ConfigurationError: something is wrong; the message names file, line and key, never a secret.
    """
    _refuse_unknown_variables(Settings)
    main = written.read(find(path))
    if main.path.stat().st_mode & stat.S_IWOTH:
        raise ConfigurationError(f"{main.path} can be changed by every user of this machine.", f"chmod o-w {main.path}")
    secret = _secrets_file()
    layers = [dict(overrides or {}), _credentials(), secret.values if secret else {}, main.values]
    misplaced = tuple(_misplaced_secrets(main))

    class Layered(Settings):
        _misplaced_secrets: tuple[str, ...] = PrivateAttr(misplaced)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the layers take its place
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the credentials directory is ours
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            first, *rest = (InitSettingsSource(settings_cls, init_kwargs=layer) for layer in layers)
            return (first, env_settings, *rest)

    try:
        settings = Layered()
    except ValidationError as exc:
        files = [file for file in (secret, main) if file is not None]
        lines = [_complaint(error, files, Settings) for error in exc.errors(include_url=False)]
        more = f"{len(lines) - 1} more: {'; '.join(lines[1:4])}" if len(lines) > 1 else ""
        raise ConfigurationError(lines[0], more) from None
    except SettingsError as exc:
        field = str(exc).split('"')[1] if '"' in str(exc) else "a variable"
        raise ConfigurationError(
            f"environment variable {_PREFIX}{field.upper()}: the value is no valid JSON",
            "Set single values with two underscores, e.g. COLLECTOR_GATEWAY__PORT=4002.",
        ) from None
    except RecursionError:
        raise ConfigurationError("an environment variable COLLECTOR_… holds JSON that is nested too deeply") from None
    for symbol in settings.greeks.dividends:
        if symbol not in settings.symbol_names:
            key = ("greeks", "dividends", symbol)
            near = _nearest(symbol, settings.symbol_names)
            raise refused(path, key, f"unknown key {written.spoken(key)}{near}", "Symbols stand in `symbols`.")
    return settings


def refused(path: Path | None, key: KeyPath, complaint: str, hint: str = "") -> ConfigurationError:
    """Return the refusal of a value that its section alone cannot judge, with the file and the line of its key.

    Args:
        path: the file named by an option, as for `load`.
        key: where the value stands; symbols in capitals, however they are written.
        complaint: what is wrong with it.
        hint: what to do.
    """
    main = written.read(find(path))
    places = {tuple(str(part).upper() for part in known): known for known in main.lines}
    known = places.get(tuple(str(part).upper() for part in key), key)
    where = main.where(known) or "settings"
    variable = _variable(known) or (None if known in main.lines else _variable_below(known[:2]))
    return ConfigurationError(f"{where if variable is None else f'environment variable {variable}'}: {complaint}", hint)


_ADDRESSES = (("database", "url"), ("database", "read_url"))


def _secrets_file() -> Written | None:
    named = os.environ.get("COLLECTOR_SECRETS_FILE")
    path = Path(named) if named else platformdirs.user_config_path("collector") / "secrets.yaml"
    if not named and not path.is_file():
        return None
    found = written.read(path)
    refuse_exposed(path)
    return found


def _misplaced_secrets(file: Written) -> Iterator[str]:
    """Yield which keys of the configuration file hold a secret, a sentence each; a database's address need not."""
    exposed = private_files.exposure(file.path)
    for key, text in secrets_written(Settings, file.values):
        address = text.partition("://")[2]
        if text and (key not in _ADDRESSES or ":" in address.rpartition("@")[0] or "password=" in address):
            yield f"{file.where(key)}: {written.spoken(key)} holds a secret" + (f"; {exposed[0]}" if exposed else "")


def _credentials() -> dict[str, Any]:
    """Read one secret per file from COLLECTOR_SECRETS_DIR or systemd's credentials directory: `database__password`."""
    named = os.environ.get("COLLECTOR_SECRETS_DIR") or os.environ.get("CREDENTIALS_DIRECTORY")
    values: dict[str, Any] = {}
    if not named:
        return values
    try:
        refuse_exposed(Path(named))
        files = sorted(file for file in Path(named).iterdir() if "__" in file.name and file.is_file())
        for file in files:
            refuse_exposed(file)
            *above, last = file.name.lower().removeprefix(_PREFIX.lower()).split("__")
            place = values
            for part in above:
                place = place.setdefault(part, {})
                if not isinstance(place, dict):
                    raise ConfigurationError(f"{file} is part of what another file there sets whole: keep one of them.")
            place[last] = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"The secrets in {named} cannot be read: {type(exc).__name__}") from exc
    return values


def _refuse_unknown_variables(settings: type[BaseModel]) -> None:
    for name in sorted(os.environ):
        section, separator, _ = name.removeprefix(_PREFIX).lower().partition("__")
        meant = separator or difflib.get_close_matches(section, settings.model_fields, n=1, cutoff=_TYPING_ERROR)
        if name.startswith(_PREFIX) and meant and section not in settings.model_fields:
            near = _nearest(section, settings.model_fields)
            raise ConfigurationError(f"environment variable {name}: unknown section `{section}`{near}")


def _complaint(error: ErrorDetails, files: list[Written], settings: type[BaseModel]) -> str:
    key: KeyPath = (*error["loc"], *(error["ctx"]["key"] if error["type"] == MISFIT else ()))
    where = next((place for file in files if (place := file.where(key))), None) or "settings"
    variable = _variable(key) or (None if any(key in file.lines for file in files) else _variable_below(key))
    if variable is not None:
        where = f"environment variable {variable}"
    if error["type"] == "extra_forbidden" and not _KEY.fullmatch(str(key[-1])):
        place = f" in {written.spoken(key[:-1])}" if key[:-1] else ""
        return (
            f"{where}: an unknown key{place} (it is not shown, for a secret may be in it: a space follows each colon)"
        )
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key {written.spoken(key)}{_nearest(str(key[-1]), _siblings(settings, key))}"
    if error["type"] == "unknown_window":
        near = _nearest(str(key[-1]), _siblings(settings, key))
        return f"{where}: unknown key {written.spoken(key)}{near} ({error['msg']})"
    # What stands where it does not belong in an entry of a list may be its neighbour's.
    entries = (key[: depth + 1] for depth, part in enumerate(key) if isinstance(part, int))
    secret = any(holds_secret(_annotation_at(settings, one)) for one in (key, *entries))
    text = _PLAIN.get(error["type"]) or error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix(
        "Value "
    )
    if secret and not _is_in_our_words(error):
        text = _HIDDEN
    given = "" if secret or variable is not None or error["type"] == MISFIT else _given(key, files)
    return f"{where}: {written.spoken(key) + ' ' if key else ''}{text}{given}"


def _is_in_our_words(error: ErrorDetails) -> bool:
    """Tell whether a complaint is the collector's or pydantic's, neither of which repeats a value.

    What any other library says of a value, `urlsplit` for one, may quote a piece of it that no mask knows.
    """
    cause = error.get("ctx", {}).get("error")
    if not isinstance(cause, Exception):
        return True
    innermost = traceback.extract_tb(cause.__traceback__)[-1:]
    return any(frame.filename.startswith(_OWN_CODE) and (frame.line or "").startswith("raise ") for frame in innermost)


def _annotation_at(settings: type[BaseModel], key: KeyPath) -> Any:  # noqa: ANN401 - annotations have no common type
    """Return the type of what stands at a key, None where no key is known."""
    annotation: Any = settings
    for part in key:
        if isinstance(part, str):
            model = model_in(annotation)
            field = None if model is None else model.model_fields.get(part)
            annotation = None if field is None else field.annotation
    return annotation


def _variable(key: KeyPath) -> str | None:
    """Return the environment variable that set a key, if one did."""
    names = [_PREFIX + "__".join(str(part).upper() for part in key[:depth]) for depth in range(len(key), 0, -1)]
    present = {name.upper(): name for name in os.environ}
    return next((present[name] for name in names if name in present), None)


def _variable_below(key: KeyPath) -> str | None:
    """Return the first environment variable that set something below a key, if one did."""
    prefix = _PREFIX + "".join(f"{part}__" for part in key).upper()
    return next((name for name in sorted(os.environ) if key and name.upper().startswith(prefix)), None)


def _given(key: KeyPath, files: list[Written]) -> str:
    """Return ", not 'value'" for a plain value."""
    for file in files:
        value: Any = file.values
        for part in key:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                value = None
                break
        if isinstance(value, str | int | float):
            said = repr(value)
            return f", not {said if len(said) <= _LONGEST_VALUE else said[:_LONGEST_VALUE] + '…'}"
    return ""


def _siblings(model: type[BaseModel], key: KeyPath) -> Iterable[str]:
    """Return the keys that are known where an unknown one stands."""
    for part in key[:-1]:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = model_in(model.__annotations__.get("__pydantic_extra__") if field is None else field.annotation)
        if inner is None:
            return ()
        model = inner
    return model.model_fields


def _nearest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    match = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if match:
        return f"; did you mean `{match[0]}`?"
    return f"; known here: {', '.join(names)}" if names else ""
