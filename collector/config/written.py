"""Read YAML with the line of every key.

YAML files read with the line of every key, so that a complaint can name it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from collector.domain.errors import ConfigurationError

KeyPath = tuple[str | int, ...]
"""Where a value stands: ('windows', 'eod', 'time'), ('symbols', 0)."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says. lines: key path -> line, counted from 1."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def where(self, key: KeyPath) -> str | None:
        """Return "file:line" of a key or of the nearest key above it; None when the file says nothing there."""
        for depth in range(len(key), 0, -1):
            if key[:depth] in self.lines:
                return f"{self.path}:{self.lines[key[:depth]]}"
        return None


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast


class _Loader(_Safe):  # type: ignore[misc]  # chosen at run time
    """YAML without the surprises of version 1.1: 16:45 is no number to base 60, `off` no false, 2026-11-20 no date."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|false|False)$", "tTfF"),
    ("int", r"^[-+]?(?:0|[1-9][0-9_]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+\.|[0-9]+[eE][-+]?[0-9]+)$", "-+0123456789."),
    ("null", r"^(?:~|null|Null|)$", "~nN\0"),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first) + [""] * (_tag == "null")
    )


_LARGEST_BYTES = 1_000_000
_DEEPEST = 32
_MOST_VALUES = 10_000
"""Far beyond any configuration: what is more is damaged, or meant to use up memory."""


def read(path: Path) -> Written:
    """Read a YAML file of key: value pairs.

    Raises:
        ConfigurationError: it cannot be read, is no YAML, names a key twice, is no mapping, or is larger than anything
            that a person writes; with its line.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigurationError(f"{path} is larger than 1 MB, so it is no configuration")
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {exc.start})") from exc
    try:
        _measure(text, path)
        loader = _Loader(text)
        root = loader.get_single_node()
        values = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as exc:
        line = "" if exc.problem_mark is None else f":{exc.problem_mark.line + 1}"
        raise ConfigurationError(f"{path}{line}: broken YAML: {exc.problem or exc.context}", _YAML_HINT) from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise ConfigurationError(f"{path}: broken YAML: {str(exc).splitlines()[0]}", _YAML_HINT) from exc
    if root is None:
        return Written(path)
    if not isinstance(root, MappingNode) or not isinstance(values, dict):
        raise ConfigurationError(f"{path}:{root.start_mark.line + 1}: the file should hold `key: value` pairs")
    lines: dict[KeyPath, int] = {}
    _note(root, (), lines, path)
    return Written(path, {key: value for key, value in values.items() if value is not None}, lines)


def _measure(text: str, path: Path) -> None:
    """Refuse what is nested too deeply, or too much once each alias stands for a copy, before it is built.

    Building recurses, and libyaml's recursion ends the process when it is too deep; events come one by one.
    """
    count, open_at, anchors, sizes = 0, list[int](), list[str | None](), dict[str, int]()
    for event in yaml.parse(text, Loader=_Safe):
        line = f"{path}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, AliasEvent):
            if event.anchor in anchors:
                raise ConfigurationError(f"{line}: *{event.anchor} stands inside what it is an alias of")
            count += sizes.get(str(event.anchor), 1)
        elif isinstance(event, NodeEvent):
            count += 1
            _refuse_unquoted(event, line)
            if isinstance(event, CollectionStartEvent):
                open_at.append(count)
                anchors.append(event.anchor)
            elif event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, CollectionEndEvent):
            size, anchor = count - open_at.pop() + 1, anchors.pop()
            if anchor:
                sizes[anchor] = size
        if len(open_at) > _DEEPEST or count > _MOST_VALUES:
            raise ConfigurationError(f"{line}: the file is nested too deeply, or holds too much, for a configuration")


def _refuse_unquoted(event: NodeEvent, line: str) -> None:
    """Refuse a tag, and an anchor of nothing: a password without its quotes, to be neither repeated nor passed over."""
    is_nothing = isinstance(event, ScalarEvent) and event.anchor and not event.value
    if is_nothing or getattr(event, "tag", None):
        raise ConfigurationError(f"{line}: broken YAML: a value that begins with ! or & needs quotes")


_YAML_HINT = "Check indentation (spaces, no tabs), colons and quotes around that line."


def _note(node: Node, key: KeyPath, lines: dict[KeyPath, int], path: Path) -> None:
    if isinstance(node, MappingNode):
        for name, value in node.value:
            if not isinstance(name, ScalarNode):
                raise ConfigurationError(f"{path}:{name.start_mark.line + 1}: a key should be one word")
            below = (*key, str(name.value))
            if below in lines:
                twice = f"{spoken(below)} is written twice (first on line {lines[below]})"
                raise ConfigurationError(f"{path}:{name.start_mark.line + 1}: {twice}")
            lines[below] = name.start_mark.line + 1
            _note(value, below, lines, path)
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            lines[(*key, number)] = value.start_mark.line + 1
            _note(value, (*key, number), lines, path)


def spoken(key: KeyPath) -> str:
    """Return a key path as people write it: windows.eod.time, symbols[0].close."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
