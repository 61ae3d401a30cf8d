"""When the latest answered request of a series was sent: only what is sent later is a second answer."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sent_at = sa.Column(
        "sent_at", sa.DateTime(timezone=True), comment="when the latest answered request was sent, by IB's clock"
    )
    op.add_column("request_coverage", sent_at)


def downgrade() -> None:
    op.drop_column("request_coverage", "sent_at")
