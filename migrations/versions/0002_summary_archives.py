"""Archives of the summaries, for servers without continuous aggregates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hourly_option_archive",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hour_open", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("hour_high", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("hour_low", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("hour_close", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("hour_volume", sa.BigInteger(), nullable=True),
        sa.Column("bars_count", sa.BigInteger(), nullable=False),
        sa.Column("traded_bars", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contract_id", "hour", name=op.f("pk_hourly_option_archive")),
    )
    op.create_table(
        "underlying_intraday_archive",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("call_volume", sa.BigInteger(), nullable=True),
        sa.Column("put_volume", sa.BigInteger(), nullable=True),
        sa.Column("traded_contracts", sa.BigInteger(), nullable=False),
        sa.Column("contracts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("underlying_id", "time", name=op.f("pk_underlying_intraday_archive")),
    )


def downgrade() -> None:
    # CASCADE takes the summaries along that stand on the archives; `db upgrade` makes them again.
    for table in ("hourly_option_archive", "underlying_intraday_archive"):
        op.execute(f"DROP TABLE {table} CASCADE")
