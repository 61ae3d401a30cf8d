"""Every setting is read: a key of config.yaml that changes nothing is a promise that nobody keeps.

Names alone do not tell (`attempts` and `connect_timeout_s` stand in several sections), so that what is read must have
come from the section: `settings.database`, a variable that was set from it, an argument of its type, its own `self`.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from collector.config import Settings
from collector.config.notify_settings import When

PACKAGE = Path(__file__).parents[3] / "collector"

_THROUGH = {"SymbolSettings": "SelectionSettings"}
"""A symbol's own values are read through the general ones that they replace."""


def leaves(model: type[BaseModel], *above: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the settings below a section: the name of the class that holds each, and the keys that lead to it.

    Times of telling are left out: an alert's is read by the name of its rule.
    """
    for name, field in model.model_fields.items():
        inner = list(sections(field.annotation))
        if not inner and field.annotation is not When:
            yield model.__name__, (*above, name)
        for section in inner:
            yield from leaves(section, *above, name)


def sections(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the sections in an annotation: its own, or those in a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


def readings() -> set[tuple[str, str]]:
    """Return what is read in the package, as pairs of what it is read from and its name."""
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    results = [
        (node.name, words(node.returns))
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.returns is not None
    ]
    return {pair for tree in trees for pair in read_in(tree, results)}


def read_in(tree: ast.Module, results: list[tuple[str, set[str]]]) -> Iterator[tuple[str, str]]:
    """Yield what a module reads; variables of one name in a module are taken for one."""
    origins: defaultdict[str, set[str]] = defaultdict(set)
    for name, came_from in [*results, *bindings(tree)]:
        origins[name] |= came_from
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owners, new = set[str](), {word(node.value)}
            while new:
                owners |= new
                new = {origin for owner in new for origin in origins.get(owner, ())} - owners
            yield from ((owner, node.attr) for owner in owners)
        elif isinstance(node, ast.ClassDef):
            yield from ((node.name, name) for name in own_readings(node))


def own_readings(section: ast.ClassDef) -> Iterator[str]:
    """Yield what a class reads of itself, checks of what was given left out: a check keeps no promise."""
    for method in section.body:
        if isinstance(method, ast.FunctionDef) and not any("validator" in ast.dump(d) for d in method.decorator_list):
            for node in ast.walk(method):
                if isinstance(node, ast.Attribute) and word(node.value) == "self":
                    yield node.attr


def bindings(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield names with the words from which they come: by assignment, in a loop, as an argument of a type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    yield from ((word(name), {word(value)}) for name, value in pairs)
                else:
                    yield word(target), {word(node.value)}
        elif isinstance(node, ast.For | ast.comprehension):
            yield word(node.target), {word(node.iter)}
        elif isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, words(node.annotation)


def word(node: ast.AST) -> str:
    """Return the last name of an expression: `db` of `self.db`, `rates` of `settings.rates[0]` and `rates()`."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def words(annotation: ast.expr) -> set[str]:
    """Return the names in an annotation."""
    return {word(node) for node in ast.walk(annotation) if isinstance(node, ast.Attribute | ast.Name)}


def test_every_setting_is_read() -> None:
    """Each leaf of the configuration is read somewhere from its section, and not by the checks of that section only."""
    read = readings()
    unread = [
        ".".join(path)
        for section, path in leaves(Settings)
        if not any((owner, path[-1]) in read for owner in (section, _THROUGH.get(section), *path[:-1]))
    ]
    assert unread == []
