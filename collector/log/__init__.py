"""Set up the log.

Colours on a terminal, JSON lines in a service, and JSON files that rotate, shrink and age.

Every event has a name and fields. What looks like a secret, or is one that the configuration holds, is cut out of
every field before anything is written; tracebacks carry no local variables.
"""

import logging
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import structlog
from structlog.typing import Processor

from collector.clock import Clock
from collector.domain.masking import MASK, Mask
from collector.log.files import JsonLinesFile, tidy
from collector.machine import private_files

_TELLTALE_KEYS = ("password", "passwd", "secret", "token", "credential", "api_key", "dsn")
_QUIETED = {"ib_async": logging.CRITICAL, "asyncio": logging.WARNING, "alembic": logging.WARNING}
"""Libraries that say too much: ib_async logs every error with the whole contract; the adapter names each outcome."""


class LogSettings(Protocol):
    """The `log:` section of the configuration, as far as the log reads it."""

    @property
    def level(self) -> str:
        """The least that is written: debug, info, warning or error."""

    @property
    def format(self) -> str:
        """What lines look like: auto, json or console."""

    @property
    def files(self) -> bool:
        """Whether log files are written."""

    @property
    def directory(self) -> Path | None:
        """The directory that the owner has chosen for the log files, None for the usual one."""

    @property
    def path(self) -> Path:
        """The directory of the log files."""

    @property
    def rotate_mb(self) -> float:
        """The size at which a file is closed, megabytes."""

    @property
    def compress_after_days(self) -> int:
        """The age at which a closed file is compressed."""

    @property
    def keep_days(self) -> int:
        """The age at which a closed file is deleted."""


_NOTHING = logging.CRITICAL + 1
"""The level of a handler that writes nothing any more."""


@dataclass(frozen=True, slots=True)
class Log:
    """An open log. file: the current log file, None when none is written."""

    file: Path | None
    _handlers: tuple[logging.Handler, ...] = ()

    def close(self) -> None:
        """Close the files; later events are dropped."""
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()


def setup(
    settings: LogSettings,
    clock: Clock,
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    files: bool | None = None,
    quiet_people: bool = False,
) -> Log:
    """Send all events of this process, and of the libraries in it, to the terminal or service and to the files.

    Args:
        settings: the `log:` section.
        clock: what stamps the events.
        secrets: the values to cut out, wherever they turn up.
        stream: where lines for people or the service go; None is standard error.
        files: whether to write files; None does as the settings say. Reading commands write none.
        quiet_people: show people on a terminal only warnings and worse; they have a progress bar.
    """
    out = sys.stderr if stream is None else stream
    to_people = settings.format == "console" or (settings.format == "auto" and out.isatty())
    level = getattr(logging, settings.level.upper())
    mask = Mask(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _Stamp(clock),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _Masking(mask),
    ]
    handlers: list[logging.Handler] = [logging.StreamHandler(out)]
    handlers[0].setFormatter(_formatter(shared, _people(out) if to_people else _JSON))
    if to_people and quiet_people:
        handlers[0].setLevel(logging.WARNING)
    path = settings.path / "collector.jsonl" if (settings.files if files is None else files) else None
    if path is not None:
        try:
            tidy(path, clock.now(), settings.compress_after_days, settings.keep_days)
            handlers.append(JsonLinesFile(path, clock, int(settings.rotate_mb * 1e6)))
            handlers[-1].setFormatter(_formatter(shared, _JSON))
            if settings.directory is None:  # one that the owner has chosen may be meant for others, too
                private_files.close_to_others(settings.path)
        except OSError as exc:
            path = None
            _complain(exc, settings.path, clock)
    root = logging.getLogger()
    for old in [*root.handlers]:
        if getattr(old, "from_collector", False):
            root.removeHandler(old)
            old.close()
    for handler in handlers:
        handler.from_collector = mask  # type: ignore[attr-defined]  # how we find it again
        root.addHandler(handler)
    root.setLevel(level)
    for name, least in _QUIETED.items():
        logging.getLogger(name).setLevel(max(level, least))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    return Log(path, tuple(handlers))


def mask_in_use() -> Mask:
    """Return what cuts secrets out of this log; one that knows no secret by its value before there is a log."""
    masks = (getattr(handler, "from_collector", None) for handler in logging.getLogger().handlers)
    return next((one for one in masks if isinstance(one, Mask)), Mask())


def unforeseen() -> str:
    """Log the error that is being handled, which nobody foresaw and which ends the command, with its traceback.

    Returns:
        How a person comes by the traceback, to be appended to "report it".
    """
    ours = [handler for handler in logging.getLogger().handlers if getattr(handler, "from_collector", False)]
    if not ours:
        return ", with the command that you gave"
    for handler in ours:
        if handler.level:  # people who have a progress bar: they get the command's own line, and no traceback
            handler.setLevel(_NOTHING)
    structlog.get_logger().exception("unforeseen_error")
    file = next((handler.path for handler in ours if isinstance(handler, JsonLinesFile)), None)
    if file is not None:
        return f"; the traceback is in {file}"
    if all(handler.level == _NOTHING for handler in ours):
        return "; the same command behind COLLECTOR_LOG__FORMAT=json shows the traceback"
    return "; the traceback stands above"


def bind_run(run_id: int, **fields: object) -> None:
    """Put a run's id, and what else is given, on every event of this task and the tasks that it starts."""
    structlog.contextvars.bind_contextvars(run_id=run_id, **fields)


def unbind_run() -> None:
    """Take everything that `bind_run` put on events off them."""
    structlog.contextvars.clear_contextvars()


_JSON = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)


def _people(out: TextIO) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), pad_event_to=28, exception_formatter=structlog.dev.plain_traceback
    )


def _formatter(shared: list[Processor], renderer: Processor) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared[:2], structlog.stdlib.ExtraAdder(), *shared[2:]],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _complain(error: OSError, directory: Path, clock: Clock) -> None:
    sys.stderr.write(f"{clock.now():%Y-%m-%d %H:%M:%S} UTC no log file: {directory}: {error.strerror}\n")


class _Stamp:
    """Adds the time of the injected clock, so that simulated runs are logged at simulated times."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["timestamp"] = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return event


class _Masking:
    """Cuts secrets out of all fields, however deep."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if not key.startswith("_"):  # structlog's own: the record and what it came from
                event[key] = self._cleaned(key, value)
        return event

    def _cleaned(self, key: str, value: Any) -> Any:  # noqa: ANN401 - a field may be anything
        if any(word in key.lower() for word in _TELLTALE_KEYS):
            return MASK
        if isinstance(value, str):
            return self._mask(value)
        if isinstance(value, Mapping):
            return {name: self._cleaned(str(name), inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._cleaned(key, inner) for inner in value]
        if isinstance(value, int | float | bool) or value is None:
            return value
        return self._mask(str(value))
