"""What is written is true: of the commands, in help, pages and hints; of files, tests, links and alert rules."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.cli.main import SECTIONS, Root
from collector.clock import SystemClock
from collector.notify.alerts.alert_rules import Rule
from collector.simulator import launch

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])


def page(path: Path) -> str:
    """Return a page as a test's name."""
    return str(path.relative_to(CHECKOUT))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - typer's own class has no public name
    """Yield every command that does something, with its words."""
    inner = getattr(command, "commands", {})
    if not inner or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, one in inner.items():
        yield from commands(one, (*path, name))


COMMANDS = dict(commands(Root()))
NAMES = [" ".join(path) for path in COMMANDS]


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    """The root's help imports no command; what it says of each is the first line of that command's help."""
    told = {name: what for section in SECTIONS.values() for name, (_, what) in section.items()}
    assert told == {name: (one.help or "").splitlines()[0] for name, one in Root().commands.items()}


def options(command: Any) -> set[str]:  # noqa: ANN401 - see above
    """Return the options that a command takes."""
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")} | {"--help"}


_SPAN = r"`collector ([^`]+)`|(?:Example: |run: |by: |See: )collector ([^`\n#]+)"
_BLOCK = _SPAN + r"|^\s*\$? ?(?:\.venv/bin/)?collector ([^`\n#]+)"


def command_lines(text: str, pattern: str = _BLOCK) -> Iterator[str]:
    """Yield what follows `collector` in code spans, after "run:" and the like, and in code blocks; `a|b` once each."""
    for found in re.finditer(pattern, text, re.MULTILINE):
        line = next(group for group in found.groups() if group).strip()
        choice = re.search(r"\b(\w+)((?:\|\w+)+)", line)
        for one in choice[0].split("|") if choice else [""]:
            yield line.replace(choice[0], one) if choice else line


def wrong_with(line: str) -> str:
    """Return what is wrong with a command line, "" for nothing; `[--option]` and placeholders are allowed."""
    words = re.sub(r"[\[\]…,;]", " ", line).partition(" -- ")[0].split()  # what follows is for another program
    path: tuple[str, ...] = ()
    for word in words:
        if not any(known[: len(path) + 1] == (*path, word) for known in COMMANDS):
            break
        path = (*path, word)
    if path not in COMMANDS and not any(known[: len(path)] == path for known in COMMANDS if path):
        return f"no such command: collector {line}"
    if path in COMMANDS:
        unknown = {word.partition("=")[0] for word in words if word.startswith("-")} - options(COMMANDS[path])
        return f"collector {line}: no such option: {', '.join(unknown)}" if unknown else ""
    return f"no such command: collector {line}" if len(words) > len(path) and words[len(path)].isalpha() else ""


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_that_works(name: str) -> None:
    """Each command says in a sentence what it does, and shows itself in an example whose options exist."""
    command = COMMANDS[tuple(name.split())]
    text = command.help or ""
    assert text.split("\n")[0].endswith("."), f"`{name}` says nothing about itself"
    examples = re.findall(r"^Example: collector (.+)$", text, re.MULTILINE)
    assert examples, f"`{name}` has no example"
    assert all(example.startswith(name) for example in examples)
    assert [wrong for example in examples if (wrong := wrong_with(example))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained(name: str) -> None:
    """No option and no argument is without a word about what it means."""
    command = COMMANDS[tuple(name.split())]
    silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_readme_names_every_command(name: str) -> None:
    """Each command stands in the README as it is typed."""
    assert any(re.match(rf"{name}\b", line) for line in command_lines(README)), (
        f"`collector {name}` is not in README.md"
    )


@pytest.mark.parametrize("document", PAGES, ids=page)
def test_documents_name_only_commands_that_exist(document: Path) -> None:
    """Commands and options that the documents show can be typed."""
    lines = command_lines(document.read_text(encoding="utf-8"))
    assert [wrong for line in lines if (wrong := wrong_with(line))] == []


def test_statements_that_are_named_exist() -> None:
    """A status query that a hint, a checklist or the README sends people to is there to be pasted."""
    sources = [*(CHECKOUT / "collector").rglob("*.py"), *PAGES]
    named = {name for one in sources for name in re.findall(r"sql/status/\w+\.sql", one.read_text(encoding="utf-8"))}
    assert named >= {"sql/status/gaps.sql", "sql/status/dead_letters.sql", "sql/status/storage_by_table.sql"}
    assert [name for name in sorted(named) if not (CHECKOUT / name).is_file()] == []


def test_hints_name_only_commands_that_exist() -> None:
    """Commands that errors, mails and checklists tell people to type can be typed."""
    wrong: list[str] = []
    for module in sorted((CHECKOUT / "collector").rglob("*.py")):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                lines = command_lines(node.value, _SPAN)
                wrong += [f"{module.name}:{node.lineno}: {found}" for line in lines if (found := wrong_with(line))]
    assert wrong == []


def test_the_rows_of_the_readme_are_the_demonstrations() -> None:
    """The example shows what `make demo` stores of that slot: contracts, closes, volume and quotes are its market's."""
    slot = datetime(2026, 11, 20, 14, 35, tzinfo=UTC)
    shown = [
        [cell.strip() for cell in line.split("|")] for line in README.splitlines() if re.match(r" \d\d:\d\d \|", line)
    ]
    evening = SystemClock(datetime(2026, 11, 20, 22, tzinfo=UTC))
    rows = launch.truth_rows(7, evening, "SPY", "2026-11-20", expiration=date(2026, 11, 23), market="calibrated")
    truth = {(row.contract, row.what_to_show): row for row in rows if row.time == slot}
    assert len(shown) == 4
    for utc, contract, close, volume, bid, ask, mid, *_ in shown:
        trade = truth.get((contract, "TRADES"))
        assert utc == f"{slot:%H:%M}"
        assert (Decimal(close or "NaN").is_nan(), int(volume)) == (trade is None, trade.volume if trade else 0)
        assert trade is None or Decimal(close) == trade.close
        assert (Decimal(bid), Decimal(ask)) == (truth[contract, "BID"].close, truth[contract, "ASK"].close)
        assert Decimal(mid) == (Decimal(bid) + Decimal(ask)) / 2


@pytest.mark.parametrize("document", PAGES, ids=page)
def test_links_lead_somewhere(document: Path) -> None:
    """Each link to a file of the project, and to a heading of a page, finds it."""
    text = document.read_text(encoding="utf-8")
    broken: list[str] = []
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        place = (document.parent / name) if name else document
        if not place.exists() or (heading and heading not in anchors(place.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", PAGES, ids=page)
def test_files_that_are_named_exist(document: Path) -> None:
    """A path of the project that a page names, `collector/…` for instance, is there."""
    named = re.findall(r"`((?:collector|deploy|docs|migrations|scripts|sql|tests)/[\w./@-]*)`", document.read_text())
    assert [name for name in named if not (CHECKOUT / name).exists()] == []


def test_each_invariant_names_its_test() -> None:
    """The tests that the page on architecture calls a proof exist in the files that it names."""
    text = (CHECKOUT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    proofs = [re.findall(r"`([\w/]+\.py)::(test_\w+)`", row) for row in rows]
    assert len(rows) > 20, "the table of invariants was not found"
    assert all(proofs), "an invariant without a test"
    missing = [
        f"{file}::{test}"
        for file, test in (proof for row in proofs for proof in row)
        if not (path := CHECKOUT / "tests" / file).is_file() or f"def {test}(" not in path.read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("rule", Rule)
def test_operators_find_each_alert(rule: Rule) -> None:
    """Every alert rule has a heading in the operator's page, under which something is to be done."""
    text = (CHECKOUT / "docs/operations.md").read_text(encoding="utf-8")
    section = re.search(rf"^### `{rule}`\n(.+?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"docs/operations.md has no heading ### `{rule}`"
    assert "**Means.**" in section[1], f"{rule}: what does it mean?"
    assert "**Do.**" in section[1], f"{rule}: what is to be done?"


def test_the_glossary_is_in_order() -> None:
    """Words are explained in alphabetical order, once each."""
    text = (CHECKOUT / "docs/glossary.md").read_text(encoding="utf-8")
    words = [word.casefold() for word in re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)]
    assert len(words) > 90
    assert words == sorted(set(words))
