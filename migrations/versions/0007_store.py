"""Store: whole numbers behind views of decimals, one key for every instrument, data sets in every key."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PRICE = sa.Numeric(14, 4)
GREEK = sa.Numeric(12, 4)
OPTION_PRICES = tuple(f"{side}{name}" for side in ("", "bid_", "ask_") for name in ("open", "up", "down", "close"))
GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    _set_decimals_aside()
    _create_store()
    for column in _archived():
        op.add_column("hourly_option_archive", column)


def downgrade() -> None:
    # CASCADE takes the views along that db.schema.features has put on top.
    op.execute("DROP SCHEMA store CASCADE")
    for column in _archived():
        op.drop_column("hourly_option_archive", str(column.name))
    _take_decimals_back()


def _set_decimals_aside() -> None:
    op.execute("DROP TABLE option_bars_5min, underlying_bars_5min CASCADE")


def _take_decimals_back() -> None:
    quotes = tuple(f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low"))
    op.create_table(
        "option_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        *(sa.Column(name, PRICE) for name in ("open", "high", "low", "close")),
        sa.Column("volume", sa.BigInteger(), comment="contracts; NULL until TRADES has been answered for the slot"),
        sa.Column("bar_count", sa.Integer()),
        *(sa.Column(name, PRICE) for name in ("vwap", "bid_close", "ask_close")),
        sa.Column("spread_close", PRICE, sa.Computed("ask_close - bid_close", persisted=True)),
        sa.Column("mid_close", PRICE, sa.Computed("(bid_close + ask_close) / 2", persisted=True)),
        sa.Column("implied_volatility", GREEK, comment="fraction of 1"),
        sa.Column("delta", GREEK),
        sa.Column("gamma", sa.Numeric(12, 6)),
        *(sa.Column(name, GREEK) for name in ("theta", "vega", "rho")),
        sa.Column(
            "greeks_version", sa.SmallInteger(), comment="which calculation; NULL when the prices changed after it"
        ),
        sa.Column("open_interest", sa.Integer()),
        sa.Column(
            "flags", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="bits: collector.domain.flags"
        ),
        sa.Column("collection_run_id", sa.Integer()),
        sa.Column("data_source", sa.Text(), nullable=False, comment="TRADES, or BID_ASK for a slot with quotes only"),
        sa.Column("has_gaps", sa.Boolean(), nullable=False, comment="a configured series of the slot is not covered"),
        *_decimals_marks(),
        sa.Column("greeks_reason", sa.SmallInteger(), comment="collector.domain.pricing.reasons; 0 and 1 with numbers"),
        *(sa.Column(name, PRICE) for name in quotes),
        sa.PrimaryKeyConstraint("contract_id", "time", name=op.f("pk_option_bars_5min")),
    )
    op.create_index(op.f("ix_option_bars_5min_time"), "option_bars_5min", ["time"], postgresql_using="brin")
    op.create_table(
        "underlying_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        *(sa.Column(name, PRICE) for name in ("open", "high", "low", "close")),
        sa.Column("volume", sa.Numeric(20, 4), comment="shares"),
        sa.Column("bar_count", sa.Integer()),
        sa.Column("vwap", PRICE),
        sa.Column("implied_volatility", GREEK, comment="close of IB's 30-day volatility bar, fraction of 1"),
        sa.Column(
            "flags", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="bits: collector.domain.flags"
        ),
        sa.Column("collection_run_id", sa.Integer()),
        sa.Column("has_gaps", sa.Boolean(), nullable=False, comment="a configured series of the slot is not covered"),
        *_decimals_marks(),
        sa.PrimaryKeyConstraint("underlying_id", "time", name=op.f("pk_underlying_bars_5min")),
    )


def _decimals_marks() -> "tuple[sa.Column[object], ...]":
    return tuple(
        sa.Column(name, INSTANT, server_default=sa.text("now()"), nullable=False)
        for name in ("created_at", "updated_at")
    )


def _create_store() -> None:
    op.execute("CREATE SCHEMA store")
    op.create_table(
        "option_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer()) for name in (*OPTION_PRICES, "vwap_off", "volume", "bar_count", *GREEKS)),
        sa.Column("greeks_version", sa.SmallInteger()),
        sa.Column("greeks_reason", sa.SmallInteger()),
        sa.Column("open_interest", sa.Integer()),
        sa.Column("collection_run_id", sa.Integer()),
        *_marks(),
        sa.Column("unit", sa.SmallInteger(), server_default=sa.text("100"), nullable=False),
        sa.Column("has_gaps", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("contract_id", "time", name=op.f("pk_option_bars_5min")),
        sa.CheckConstraint("unit IN (1, 100)", name=op.f("ck_option_bars_5min_unit")),
        schema="store",
    )
    op.create_index(
        op.f("ix_option_bars_5min_time"), "option_bars_5min", ["time"], postgresql_using="brin", schema="store"
    )
    op.create_table(
        "underlying_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in ("open", "up", "down", "close", "vwap_off", "volume")),
        *(sa.Column(name, sa.Integer()) for name in ("bar_count", "implied_volatility", "collection_run_id")),
        *_marks(),
        sa.Column("has_gaps", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("underlying_id", "time", name=op.f("pk_underlying_bars_5min")),
        schema="store",
    )


def _archived() -> "list[sa.Column[object]]":
    """Return what the hourly summary has learnt."""
    return [
        sa.Column("avg_bid", PRICE),
        sa.Column("avg_ask", PRICE),
        sa.Column("closing_bid", PRICE),
        sa.Column("closing_ask", PRICE),
        sa.Column("closing_iv", GREEK),
        sa.Column("closing_delta", GREEK),
        sa.Column("closing_oi", sa.Integer()),
    ]


def _marks() -> "tuple[sa.Column[object], ...]":
    return (
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("flags", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
