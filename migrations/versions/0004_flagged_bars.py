"""How many bars of a session are flagged as suspicious, beside its other statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collection_statistics", sa.Column("flagged_bars", sa.BigInteger()))


def downgrade() -> None:
    # A view of db.features stands on the statistics; upgrading makes it again.
    op.execute("DROP VIEW IF EXISTS session_quality")
    op.drop_column("collection_statistics", "flagged_bars")
