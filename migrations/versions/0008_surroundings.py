"""Surroundings: terms by date, dividends, closures, the lock's own key and acts of people on record."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DRAWN = "3 + floor(random() * 2147483645)::integer"
"""1 is the key of earlier versions, 2 that of upgrades."""

# What a new table of the store gives to everybody who reads would let every reader stop the collecting.
LET_COLLECTORS_LOCK = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'collector_ro') THEN
        REVOKE ALL ON store.collection_lock FROM collector_ro;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'collector_rw') THEN
        GRANT SELECT, UPDATE ON store.collection_lock TO collector_rw;
    END IF;
END
$$
"""


def upgrade() -> None:
    """Make what surrounds the bars: each function one table or column with its rows."""
    _keep_terms()
    _suspect_closures()
    _record_dividends()
    _draw_lock_key()
    _record_operator_actions()


def downgrade() -> None:
    """Take it away again in reverse order."""
    _forget_lock_key()


def _keep_terms() -> None:
    """Keep what a contract's terms were before they changed."""


def _suspect_closures() -> None:
    """Remember on which days an exchange seemed to be closed."""


def _record_dividends() -> None:
    """Record the dividends that IB told of, each with the day on which it did."""


def _draw_lock_key() -> None:
    """Draw the key of the collection lock for this database, for those who collect and nobody else."""
    op.create_table(
        "collection_lock",
        sa.Column("one", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("key", sa.Integer, nullable=False, server_default=sa.text(DRAWN)),
        sa.PrimaryKeyConstraint("one", name="pk_collection_lock"),
        sa.CheckConstraint("one", name="one"),
        schema="store",
    )
    op.execute("INSERT INTO store.collection_lock DEFAULT VALUES")
    op.execute(LET_COLLECTORS_LOCK)


def _forget_lock_key() -> None:
    op.drop_table("collection_lock", schema="store")


def _record_operator_actions() -> None:
    """Record what people did by hand: append-only."""
