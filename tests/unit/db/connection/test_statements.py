"""Each statement's head names its parameters, and each call gives them in that order."""

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from collector.db.connection.pool import STATEMENT_BYTES
from collector.domain.market_data.data_sets import DATA_SETS

CHECKOUT = Path(__file__).parents[4]
_SQL = CHECKOUT / "sql"

_TYPE = r"[a-z]+(?: precision)?(?:\[\])?"
_PARAMETER = re.compile(rf"-- \$(\d+) ([a-z_]+) ({_TYPE})(?:: .+)?")
_USE = re.compile(rf"\$(\d+)(?:::({_TYPE}))?")

_ASKS = {"fetch", "fetchrow", "fetchval", "execute", "query", "select", "copy_out"}
_COMPUTED = {
    "kind.upsert": ("upsert_option_bars", "underlying_bars/upsert"),
    "kind.valued": ("valued_option_slots", "underlying_bars/valued"),
    "compared": ("underlying_bars/compared",),
}
"""Names that a call takes from a value. Those that it puts together have no arguments, but for two of an adoption."""

_SYNONYMS = {
    "key": {"instruments"},
    "names": {"series", "symbols"},  # of enumerations, of the underlyings
    "unconfirmed": {"reason"},
    "what": {"series"},
    "what_to_show": {"series"},
}
_KEYS = {
    ("gaps_of_expirations", "reasons"): "expirations",
    ("known_bars", "since"): "series",
    ("mark_gaps_lost", "reasons"): "gap_ids",
    ("store_open_interest", "told"): "contract_ids",
}
"""What a mapping, which is named for its values, is keyed by."""


class Parameter(NamedTuple):
    """What a head says of a parameter."""

    number: int
    name: str
    type: str


class Call(NamedTuple):
    """A statement asked for somewhere, with the names of its arguments; None where an argument has none."""

    where: str
    statement: str
    arguments: list[str | None]


def head_and_body(text: str) -> tuple[list[str], str]:
    """Return the comment lines that a file begins with, and the statement without any comment."""
    lines = text.splitlines()
    head = list(itertools.takewhile(lambda line: line.startswith("--"), lines))
    return head, re.sub(r"--.*", "", "\n".join(lines[len(head) :]))


def parameters(text: str) -> list[Parameter]:
    """Return the parameters that a file's head names, in its order."""
    found = [_PARAMETER.fullmatch(line) for line in head_and_body(text)[0]]
    return [Parameter(int(one[1]), one[2], one[3]) for one in found if one]


def statement(name: str) -> Path:
    """Return the file that a call means by a name."""
    folders = ("queries", "readers", "timescale", ".")
    return next(path for folder in folders if (path := _SQL / folder / f"{name}.sql").is_file())


FILES = sorted(_SQL.rglob("*.sql"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted((CHECKOUT / "collector").rglob("*.py"))}
FUNCTIONS = {node.name: node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def asked(node: ast.expr) -> tuple[str, ...]:
    """Return the statements that a call's first argument names; none where it is computed."""
    match node:
        case ast.Constant(value=str(name)):
            return (name,)
        case ast.IfExp(body=one, orelse=other):
            return asked(one) + asked(other)
        case ast.Call(func=ast.Name(id="query"), args=[name]):
            return asked(name)
        case ast.Call(func=ast.Name(id="of"), args=[name, _]):  # of one data set
            return tuple(f"underlying_bars/{one}" for one in asked(name))
        case _:
            return _COMPUTED.get(ast.unparse(node), ())


def called(node: ast.expr) -> str | None:
    """Return the name by which an argument goes, None when it has none."""
    found: str | None = None
    match node:
        case ast.Name(id=name):
            found = name.strip("_").lower()
        case ast.Attribute(value=one, attr="value"):  # of an enumeration
            found = called(one)
        case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            found = name
        case ast.Call(func=ast.Attribute(attr="now")):
            found = "now"
        case (
            ast.Subscript(value=one)
            | ast.BoolOp(op=ast.Or(), values=[*_, one])
            | ast.IfExp(body=ast.Constant(value=None), orelse=one)
            | ast.Call(func=ast.Name(id="list" | "str"), args=[one])
        ):
            found = called(one)
        case ast.ListComp(elt=element, generators=[ast.comprehension(target=target, iter=one)]):
            found = called(element)
            if isinstance(target, ast.Name) and found == target.id:
                found = called(one)
    return found


def spread(node: ast.expr, function: ast.AST) -> list[ast.expr]:
    """Return what `*node` stands for: what a function returns, a local tuple, or an argument of that type."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = FUNCTIONS[node.func.id]
    for inner in ast.walk(function):
        match inner:
            case ast.Return(value=ast.Tuple(elts=parts)) if isinstance(node, ast.Call):
                return parts
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=parts)) if name == ast.unparse(node):
                return parts
            case ast.arg(arg=name, annotation=ast.Subscript(slice=ast.Tuple(elts=parts))) if name == ast.unparse(node):
                return [ast.Constant(None) for _ in parts]
    raise AssertionError(f"nobody knows what *{ast.unparse(node)} stands for")


def calls() -> Iterator[Call]:
    """Find what the program asks the database, by statement."""
    for path, tree in TREES.items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Attribute):
                    continue
                for name in asked(node.args[0]) if node.func.attr in _ASKS else ():
                    arguments = [
                        called(part)
                        for one in node.args[1:]
                        for part in (spread(one.value, function) if isinstance(one, ast.Starred) else [one])
                    ]
                    yield Call(f"{path.relative_to(CHECKOUT)}:{node.lineno}", name, arguments)


CALLS = list({(call.where, call.statement): call for call in calls()}.values())


def agrees(call: Call, argument: str, parameter: str) -> bool:
    """Tell whether a parameter bears an argument's name; it may be in the plural, and say more: `session_open`."""
    name = _KEYS.get((call.statement, argument), argument)
    forms = {name, f"{name}s", f"{name}es", f"{name[:-1]}ies", *_SYNONYMS.get(name, ())}
    return any(f"_{parameter}".endswith(f"_{form}") for form in forms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(_SQL)))
def test_a_head_names_the_parameters(path: Path) -> None:
    """The parameters come last in the head, from $1 on, each used and each cast to the type that the head says."""
    text = path.read_text("utf-8")
    head, body = head_and_body(text)
    named = parameters(text)
    assert [line for line in head if "$" in line] == head[len(head) - len(named) :]
    assert [one.number for one in named] == list(range(1, len(named) + 1))
    assert len({one.name for one in named}) == len(named)
    assert {(int(number), cast) for number, cast in _USE.findall(body)} == {(one.number, one.type) for one in named}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(_SQL)))
def test_a_statement_stays_prepared(path: Path) -> None:
    """No statement is so long, its comments included, that the driver would not keep it prepared."""
    assert len(path.read_text("utf-8")) <= STATEMENT_BYTES


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.where}-{call.statement}")
def test_a_call_gives_what_the_head_names(call: Call) -> None:
    """A call has as many arguments as the statement has parameters; those that have a name are in the same order."""
    named = [one.name for one in parameters(statement(call.statement).read_text("utf-8"))]
    assert len(call.arguments) == len(named)
    pairs = zip(call.arguments, named, strict=True)
    assert [(given, name) for given, name in pairs if given and not agrees(call, given, name)] == []


def test_the_calls_are_found() -> None:
    """Of the statements with parameters none is left that nobody asks for, but those for readers of the bars."""
    public = {"legs", "surface"}  # for whoever reads the bars
    asked_for = {statement(call.statement) for call in CALLS}
    files = [path for folder in ("queries", "readers", "underlying_bars") for path in (_SQL / folder).glob("*.sql")]
    with_parameters = {path for path in files if parameters(path.read_text("utf-8"))}
    assert {path.stem for path in with_parameters - asked_for} == public


def test_a_name_means_one_statement() -> None:
    """No statement for readers has the name of another, whose head its calls would be compared with."""
    others = {path.stem for folder in ("queries", "timescale") for path in (_SQL / folder).glob("*.sql")}
    assert not others & {path.stem for path in (_SQL / "readers").glob("*.sql")}


def test_a_wrong_order_is_seen() -> None:
    """Two arguments in each other's place do not agree with the head; a head may say more than the argument."""
    call = Call("here", "last_level", [])
    assert agrees(call, "start", "span_start")
    assert not agrees(call, "end", "span_start")
    assert not agrees(call, "start", "span_end")


_STORED = rf"store\.(?:\{{bars|%I|{'|'.join(one.name for one in DATA_SETS)})"
_KNOWN = "request_coverage|negative_claims"
_COUNTED = re.compile(
    rf"\b(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|COPY|TRUNCATE)\s+(?:ONLY\s+)?(?:{_STORED}|{_KNOWN})\b",
    re.IGNORECASE,
)
_NOT_COUNTED = {"functions/drop_day.sql", "queries/add_negative_claims.sql"}
"""What the database lets go of is no change: the archive has it already, and keeps it as it is. Nor is a claim that is
kept: it changes a session's verdicts once it awaits a second witness, or is confirmed."""


def test_who_writes_bars_or_coverage_counts_a_change() -> None:
    """A statement that writes bars, coverage or claims says so to the archive itself; none is written outside sql/."""
    writing = {
        str(path.relative_to(_SQL)) for path in FILES if _COUNTED.search(head_and_body(path.read_text("utf-8"))[1])
    }
    counting = {str(path.relative_to(_SQL)) for path in FILES if "store.note_changes(" in path.read_text("utf-8")}
    assert len(writing) > len(_NOT_COUNTED) + 15
    assert writing - counting == _NOT_COUNTED
    sources = (*TREES, *(CHECKOUT / "migrations" / "versions").glob("*.py"))
    # Before revision 0007 there was no store; revision 0006 settled spans anew.
    assert [path.name for path in sources if _COUNTED.search(path.read_text("utf-8"))] == ["0006_evidence.py"]


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE store.option_bars_5min AS bar",
        "insert into store.{bars} (time)",
        "DELETE FROM request_coverage",
        "DELETE FROM negative_claims AS claim",
        "EXECUTE format('DELETE FROM store.%I WHERE",
    ],
)
def test_a_write_is_seen(text: str) -> None:
    """Whatever writes a row of either is taken for a write; reading one is not."""
    assert _COUNTED.search(text)
    assert not _COUNTED.search(text.replace("UPDATE", "FROM").replace("insert into", "FROM").replace("DELETE ", ""))
