"""Reasons of Greeks and what they rest on, bars in quarantine, open interest."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "option_bars_5min",
        sa.Column("greeks_reason", sa.SmallInteger(), comment="collector.domain.pricing.reasons; 0 and 1 with numbers"),
    )
    for column in (
        sa.Column("quote_percent", sa.Numeric(7, 4), comment="expected slots with bid and ask"),
        sa.Column("iv_percent", sa.Numeric(7, 4), comment="expected slots with an implied volatility"),
        sa.Column("quarantined_bars", sa.BigInteger()),
    ):
        op.add_column("collection_statistics", column)
    op.create_table(
        "greeks_parameters",
        sa.Column(
            "version", sa.SmallInteger(), autoincrement=False, nullable=False, comment="greeks_version of the bars"
        ),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_greeks_parameters")),
        sa.UniqueConstraint("parameters", name=op.f("uq_greeks_parameters_parameters")),
    )
    op.create_table(
        "expiration_carry",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("rate", sa.Numeric(8, 6), nullable=False, comment="continuously compounded, a year"),
        sa.Column("dividend_yield", sa.Numeric(8, 6), nullable=False, comment="continuously compounded, a year"),
        sa.Column("error", sa.Numeric(8, 6), nullable=False, comment="standard error of the yield"),
        sa.Column(
            "pairs", sa.Integer(), nullable=False, comment="pairs of quotes that it rests on; 0: the configuration"
        ),
        sa.Column("greeks_version", sa.SmallInteger(), nullable=False),
        sa.Column("computed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_expiration_carry_underlying_id")
        ),
        sa.PrimaryKeyConstraint("underlying_id", "session_date", "expiration_date", name=op.f("pk_expiration_carry")),
    )
    op.create_table(
        "quarantined_bars",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.Column("time", INSTANT, nullable=False, comment="as sent; may lie off the grid"),
        sa.Column("reason", sa.Text(), nullable=False, comment="collector.domain.quality.Impossible"),
        sa.Column("open", sa.Numeric()),
        sa.Column("high", sa.Numeric()),
        sa.Column("low", sa.Numeric()),
        sa.Column("close", sa.Numeric()),
        sa.Column("volume", sa.Numeric()),
        sa.Column("bar_count", sa.BigInteger()),
        sa.Column("vwap", sa.Numeric()),
        sa.Column("run_id", sa.Integer()),
        sa.Column("quarantined_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(contract_id, underlying_id) = 1", name=op.f("ck_quarantined_bars_one_instrument")
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["option_chains.id"], name=op.f("fk_quarantined_bars_contract_id")),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_quarantined_bars_underlying_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_bars")),
    )
    op.create_index(op.f("ix_quarantined_bars_time"), "quarantined_bars", ["time"])
    op.create_index(
        "uq_quarantined_bars_contract",
        "quarantined_bars",
        ["contract_id", "what_to_show", "time"],
        unique=True,
        postgresql_where=sa.text("contract_id IS NOT NULL"),
    )
    op.create_index(
        "uq_quarantined_bars_underlying",
        "quarantined_bars",
        ["underlying_id", "what_to_show", "time"],
        unique=True,
        postgresql_where=sa.text("underlying_id IS NOT NULL"),
    )
    op.create_table(
        "option_open_interest",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="the session on which it was told; of the previous close"),
        sa.Column("open_interest", sa.Integer(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["option_chains.id"], name=op.f("fk_option_open_interest_contract_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "day", name=op.f("pk_option_open_interest")),
    )


def downgrade() -> None:
    for table in ("option_open_interest", "quarantined_bars", "expiration_carry", "greeks_parameters"):
        op.drop_table(table)
    for column in ("quarantined_bars", "iv_percent", "quote_percent"):
        op.drop_column("collection_statistics", column)
    op.drop_column("option_bars_5min", "greeks_reason")
