"""The shape of the code: rooms, names, and what must not stand in any file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
_CROWDED = 12
"""Modules of a package."""

_VAGUE = {"util", "utils", "helper", "helpers", "manager", "service", "handler", "handlers", "data", "misc", "common"}
_FOLDERS = ("collector", "deploy", "docs", "migrations", "scripts", "sql", "tests", ".ci")
_BINARY = {".png", ".pyc", ".ico", ".gz"}

# Spelled in two parts each, so that this file does not hold what it looks for.
_ORDERS = re.compile(
    "|".join(
        first + second
        for first, second in (
            ("place", "Order"),
            ("cancel", "Order"),
            ("bracket", "Order"),
            ("whatIf", "Order"),
            ("reqGlobal", "Cancel"),
            ("exercise", "Options"),
            ("Market", r"Order\("),
            ("Limit", r"Order\("),
        )
    )
)
_ELSEWHERE = re.compile(
    "|".join(
        first + second
        for first, second in (
            (r"\bpy", r"pi\.org"),
            (r"python", r"hosted\.org"),
            (r"(?:extra-)?index", r"-url[ =]\S*/"),
            (r"find-", r"links[ =]"),
            (r"(?<![\w.])/wor", r"k/"),
            (r"(?<![\w.])/roo", r"t/"),
            ("/tm", "p/plan"),
        )
    )
)
_FIVE_MINUTES = re.compile(r"(datetime\.)?timedelta\((minutes=5|seconds=300)\b")
_SLOT_SIZE = re.compile(r"(\w*_)?(slots?|bars?)(_\w+)?(: \w+)? ?= ?(300(\.0)?|5|5 \* 60|60 \* 5)$", re.IGNORECASE)
_NO_SLOT = {"_ALIVE", "_SILENT"}
"""Five minutes after which a run that says nothing is taken for dead."""
_STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|TRUNCATE|WITH \w+ AS)\s")


def modules(*folders: str) -> list[Path]:
    """Return the Python files below some folders of the checkout."""
    return sorted(path for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


def named(path: Path) -> str:
    """Return a path as a test's name."""
    return str(path.relative_to(CHECKOUT))


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text file of the project and what it holds."""
    paths = [path for path in CHECKOUT.iterdir() if path.is_file() and path.name != ".git"]  # a file in a worktree
    paths += [path for folder in _FOLDERS for path in (CHECKOUT / folder).rglob("*") if path.is_file()]
    for path in sorted(paths):
        if path.suffix not in _BINARY:
            yield named(path), path.read_text(encoding="utf-8")


def test_no_room_is_crowded() -> None:
    """A package holds at most a dozen modules: what is more gets rooms."""
    folders = (path for path in (CHECKOUT / "collector").rglob("*") if path.is_dir())
    counts = {named(folder): len([one for one in folder.glob("*.py") if one.stem != "__init__"]) for folder in folders}
    assert {name: count for name, count in counts.items() if count > _CROWDED} == {}


@pytest.mark.parametrize("path", modules("collector"), ids=named)
def test_a_module_says_at_once_what_it_is(path: Path) -> None:
    """Its first line is a noun, or a verb with its object, in ten words at most."""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    assert 1 <= len(first.split()) <= 10, first
    assert first.endswith(".")


def test_names_say_something() -> None:
    """No module or package bears a name under which anything could stand."""
    assert [
        named(path)
        for path in modules("collector", "tests")
        if _VAGUE & set(re.split(r"/|market_data|data_sets?|_", named(path).removesuffix(".py")))
    ] == []


@pytest.mark.parametrize("package", sorted((CHECKOUT / "collector").rglob("__init__.py")), ids=named)
def test_every_package_introduces_itself(package: Path) -> None:
    """The first line of a package says in a sentence what it is."""
    said = ast.get_docstring(ast.parse(package.read_text())) or ""
    assert said.split("\n")[0].endswith((".", ":"))


def slot_sizes(source: str) -> Iterator[str]:
    """Yield where a module spells the size of a slot: five minutes, or a name of slots or bars that is so long."""
    tree = ast.parse(source)
    spans = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and {ast.unparse(one) for one in node.targets} & _NO_SLOT
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _FIVE_MINUTES.match(ast.unparse(node)) and id(node) not in spans:
            yield f"{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.keyword) and _SLOT_SIZE.match(ast.unparse(node)):
            yield f"{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.arguments):
            given = zip(reversed(node.args), reversed(node.defaults), strict=False)
            given_by_name = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            spelled = (f"{one.arg}={ast.unparse(value)}" for one, value in (*given, *given_by_name) if value)
            yield from filter(_SLOT_SIZE.match, spelled)


def test_the_size_of_a_slot_stands_in_one_place() -> None:
    """Data sets say how long their slots are; IB's words for bar sizes, and the simulated exchange, know as much."""
    places = ("collector/domain/market_data/data_sets.py", "collector/ib/historical.py")
    found = [
        f"{named(path)}:{place}"
        for path in modules("collector")
        if named(path) not in places and not named(path).startswith("collector/simulator/")
        for place in slot_sizes(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "SLOT = 300",
        "_SLOT_S: int = 300",
        "bar_size_s = 5 * 60",
        "pace(bar_s=300)",
        "end = start + timedelta(minutes=5)",
        "end = start + datetime.timedelta(minutes=5 * n)",
        "end = start + timedelta(seconds=300)",
        "def f(slot_minutes: int = 5) -> None: ...",
    ],
)
def test_the_size_of_a_slot_is_recognised(source: str) -> None:
    """However it is spelled, as a name's value, an argument or its default."""
    assert list(slot_sizes(source))


def test_the_sources_number_stays_where_it_is_understood() -> None:
    """Only the source, what keeps contracts and the instruments themselves name the number that a source gives."""
    places = (
        "collector/ib/contracts.py",
        "collector/ib/definitions.py",
        "collector/archive/contracts_file.py",
        "collector/db/",
        "collector/domain/market_data/",
    )
    named_in = [named(path) for path in modules("collector") if re.search(r"\bsource_id\b", path.read_text())]
    assert [name for name in named_in if not name.startswith(places)] == []
    statements = {path.name for path in (CHECKOUT / "sql" / "queries").glob("*.sql") if "ib_con_id" in path.read_text()}
    assert statements == {
        "add_underlying.sql",
        "free_recycled_numbers.sql",
        "number_contracts.sql",
        "rename_underlying.sql",
        "store_contracts.sql",
    }


def test_nothing_can_trade() -> None:
    """No call that places, changes or cancels an order stands anywhere in the package."""
    assert [named(path) for path in modules("collector") if _ORDERS.search(path.read_text())] == []


def test_no_statement_of_sql_stands_in_python() -> None:
    """SQL is read from its files; Python holds none of its statements."""
    found = [
        f"{named(path)}:{node.lineno}"
        for path in modules("collector")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value)
    ]
    assert found == []


def test_no_file_names_a_machine_or_where_packages_come_from() -> None:
    """Neither this machine's folders nor an index, mirror or download address of packages is written down."""
    assert [(name, found[0]) for name, text in texts() if (found := _ELSEWHERE.search(text))] == []
