"""Pages: from where a person acted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# As since 0008, and from where a person acted cannot change either.
KEEP_ACTIONS = """
CREATE OR REPLACE FUNCTION keep_operator_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.outcome IS NULL
            AND ({kept_new})
            IS NOT DISTINCT FROM
            ({kept_old})
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'operator_actions keeps what was done: rows are added, and ended once'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$
"""
KEPT = ("id", "began_at", "os_user", "host", "database_role", "command", "reason")
# The service may say where an act came from at once, without `collector db roles`.
LET_COLLECTORS_SAY = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'collector_rw') THEN
        GRANT INSERT (origin) ON operator_actions TO collector_rw;
    END IF;
END
$$
"""


def upgrade() -> None:
    """Make what pages stand on: each function one table or column with its rows."""
    _say_from_where()


def downgrade() -> None:
    """Take it away again in reverse order."""
    _forget_from_where()


def _say_from_where() -> None:
    """Say from where a person acted; until now there was the command line only."""
    op.add_column("operator_actions", sa.Column("origin", sa.Text(), server_default="command line", nullable=False))
    op.create_check_constraint(
        op.f("ck_operator_actions_origin"), "operator_actions", "origin IN ('command line', 'page')"
    )
    op.execute(_keeping(*KEPT, "origin"))
    op.execute(LET_COLLECTORS_SAY)


def _forget_from_where() -> None:
    op.execute(_keeping(*KEPT))
    op.drop_column("operator_actions", "origin")


def _keeping(*columns: str) -> str:
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
    return KEEP_ACTIONS.format(kept_new=new, kept_old=old)
