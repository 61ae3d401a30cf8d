"""Acts that were on record before there were pages say that they came from the command line."""

import asyncpg
import pytest

from collector.db.schema import migrate
from tests.migrations.test_migrations import execute
from tests.support import old_databases
from tests.support.engines import Engine

ACTS = """
INSERT INTO operator_actions (began_at, os_user, host, command, reason, outcome)
VALUES ('2026-11-20 22:00Z', 'ann', 'desk', 'collector db retention', '', 'ok'),
    ('2026-11-20 23:00Z', 'ann', 'desk', 'collector run --force', 'late prices', NULL)
"""
READ = "SELECT id, os_user, command, reason, outcome FROM operator_actions ORDER BY id"
ORIGINS = "SELECT id, origin FROM operator_actions ORDER BY id"


async def test_acts_of_revision_0009(engine: Engine, empty_database_url: str) -> None:
    """Rows that came up from revision 0005 are the same after the revision, and after it was taken back."""
    url = empty_database_url
    await old_databases.build(url, engine.name, "0005")
    await migrate.upgrade(url)
    await migrate.downgrade(url, "0009")
    await execute(url, ACTS)
    before = await execute(url, READ)
    assert len(before) == 2

    await migrate.upgrade(url)

    assert await execute(url, READ) == before
    assert await execute(url, ORIGINS) == [(1, "command line"), (2, "command line")]
    await migrate.downgrade(url, "0009")
    assert await execute(url, READ) == before
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await execute(url, "UPDATE operator_actions SET reason = 'another' WHERE id = 2")


@pytest.mark.parametrize("origin", ["page", "elsewhere"])
async def test_where_an_act_came_from_never_changes(empty_plain_url: str, origin: str) -> None:
    """Neither a word that there is nor one that there is not takes the place of the first."""
    await migrate.upgrade(empty_plain_url)
    await execute(empty_plain_url, ACTS)
    with pytest.raises((asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.CheckViolationError)):
        await execute(empty_plain_url, f"UPDATE operator_actions SET origin = '{origin}' WHERE id = 2")  # noqa: S608
    assert await execute(empty_plain_url, ORIGINS) == [(1, "command line"), (2, "command line")]
