"""Store: whole numbers behind views of decimals, one key for every instrument, data sets in every key."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
OPTION_PRICES = tuple(f"{side}{name}" for side in ("", "bid_", "ask_") for name in ("open", "up", "down", "close"))
GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    _create_store()
    _create_codes()
    _instruments()


def downgrade() -> None:
    _forget_instruments()
    op.drop_table("codes")
    op.execute("DROP SCHEMA store CASCADE")


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


def _marks() -> "tuple[sa.Column[object], ...]":
    return (
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("flags", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )


def _create_codes() -> None:
    op.create_table(
        "codes",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "word", name=op.f("pk_codes")),
        sa.UniqueConstraint("kind", "code", name=op.f("uq_codes_kind_code")),
    )


def _instruments() -> None:
    op.add_column(
        "underlying_securities",
        sa.Column(
            "source",
            sa.Text(),
            server_default="ib",
            nullable=False,
            comment="who defines it, its contracts and their bars",
        ),
    )
    op.add_column(
        "underlying_securities",
        sa.Column(
            "calendar", sa.Text(), server_default="XNYS", nullable=False, comment="the exchange's code, of its sessions"
        ),
    )
    op.create_table(
        "earlier_source_ids",
        sa.Column("instrument_id", sa.Integer(), nullable=False, comment="a contract's id, or minus the underlying's"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column(
            "since", INSTANT, nullable=False, comment="when the instrument was stored, or its number before this ended"
        ),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "since", "source_id", name=op.f("pk_earlier_source_ids")),
    )


def _forget_instruments() -> None:
    op.execute("DROP VIEW IF EXISTS instruments")
    op.execute("DROP VIEW IF EXISTS option_contracts")
    op.drop_table("earlier_source_ids")
    op.drop_column("underlying_securities", "calendar")
    op.drop_column("underlying_securities", "source")
