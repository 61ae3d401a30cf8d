"""The wheel, built from what is tracked and installed apart from the checkout: everything that runs is inside."""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.db.schema import schema_revisions
from tests.support.command_line import Home, home

CHECKOUT = Path(__file__).parents[2]
TRAVELLING = ("sql", "migrations", "deploy", "collector/notify/templates", "collector/notify/channels/webhooks")
"""Folders whose tracked files are read at run time."""


def tracked() -> list[str]:
    """Return the files that a fresh clone would hold, as they are now."""
    words = ["git", "-C", str(CHECKOUT), "ls-files", "-z"]
    listed = subprocess.run(words, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """Build the wheel from a copy of the tracked files, offline."""
    with tempfile.TemporaryDirectory(prefix="collector-wheel-") as made:
        folder = Path(made)
        for name in tracked():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / "source" / name)
        words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        built = subprocess.run(words, cwd=folder / "source", capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        shutil.rmtree(folder / "source")
        yield next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def command(wheel: Path) -> Path:
    """Install the wheel into a virtual environment that sees this one's dependencies, but not the checkout."""
    place = wheel.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(packages), str(wheel)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    # A plain path line: .pth files of the folder that it names are not read, so the editable install stays out.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    script = place / "bin/collector"
    script.write_text(f"#!{place}/bin/python\nfrom collector.cli import main\nmain()\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def account() -> Iterator[Home]:
    """An account with nothing in it."""
    with home(config="") as made:
        yield made


def test_everything_that_is_read_at_run_time_is_inside(wheel: Path) -> None:
    """SQL, migrations, the commented configuration, templates: each tracked file is in the wheel, and no test is."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in tracked():
        if name.startswith(TRAVELLING) or name in ("config.yaml", "alembic.ini"):
            inside = name if name.startswith("collector/") else f"collector/_resources/{name}"
            assert inside in names
        elif name.startswith("collector/"):
            assert name in names
    assert not [name for name in names if name.startswith("tests") or name.endswith((".pyc", ".png"))]


def test_the_script_is_declared(wheel: Path) -> None:
    """An installer makes the command `collector` of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "collector = collector.cli:main" in archive.read(name).decode()


def test_installed_it_runs_without_the_checkout(command: Path, account: Home) -> None:
    """The installed command says its version, makes and migrates a database, and reads its own configuration."""
    own = replace(account, words=(str(command),))
    version = own.run("--version")
    assert (version.code, version.out.split()[0]) == (0, "collector"), version.err
    where = subprocess.run(
        [command.parent / "python", "-c", "import collector; print(collector.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=account.folder,
    )
    assert where.stdout.startswith(str(command.parents[1]))
    upgraded = own.run("db", "upgrade")
    assert upgraded.code == 0, upgraded.err
    status = own.run("db", "status", "--json")
    assert status.document["schema"] == schema_revisions.head(), status.err
