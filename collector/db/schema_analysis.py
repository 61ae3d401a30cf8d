"""The tables of what is made out of bars or thought about them; the rest of the description is in `schema`."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from collector.db.schema_ground import INSTANT, METADATA

greeks_parameters = Table(
    "greeks_parameters",
    METADATA,
    Column("version", SmallInteger, primary_key=True, autoincrement=False, comment="greeks_version of the bars"),
    Column("parameters", JSONB, nullable=False, unique=True),
    Column("created_at", INSTANT, nullable=False),
)

# What implied volatilities of an expiration on a session rest on.
expiration_carry = Table(
    "expiration_carry",
    METADATA,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    Column("session_date", Date, nullable=False),
    Column("expiration_date", Date, nullable=False),
    Column("rate", Numeric(8, 6), nullable=False, comment="continuously compounded, a year"),
    Column("dividend_yield", Numeric(8, 6), nullable=False, comment="continuously compounded, a year"),
    Column("error", Numeric(8, 6), nullable=False, comment="standard error of the yield"),
    Column("pairs", Integer, nullable=False, comment="pairs of quotes that it rests on; 0: the configuration"),
    Column("greeks_version", SmallInteger, nullable=False),
    Column("computed_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("underlying_id", "session_date", "expiration_date"),
)

# Bars that cannot be true, as IB sent them; their slots count as answered.
quarantined_bars = Table(
    "quarantined_bars",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("contract_id", Integer, ForeignKey("option_chains.id")),
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id")),
    Column("what_to_show", Text, nullable=False),
    Column("time", INSTANT, nullable=False, comment="as sent; may lie off the grid"),
    Column("reason", Text, nullable=False, comment="collector.domain.quality.Impossible"),
    Column("open", Numeric),
    Column("high", Numeric),
    Column("low", Numeric),
    Column("close", Numeric),
    Column("volume", Numeric),
    Column("bar_count", BigInteger),
    Column("vwap", Numeric),
    Column("run_id", Integer),
    Column("quarantined_at", INSTANT, nullable=False),
    CheckConstraint("num_nonnulls(contract_id, underlying_id) = 1", name="one_instrument"),
    Index(None, "time"),
    Index(
        "uq_quarantined_bars_contract",
        "contract_id",
        "what_to_show",
        "time",
        unique=True,
        postgresql_where=text("contract_id IS NOT NULL"),
    ),
    Index(
        "uq_quarantined_bars_underlying",
        "underlying_id",
        "what_to_show",
        "time",
        unique=True,
        postgresql_where=text("underlying_id IS NOT NULL"),
    ),
)

option_open_interest = Table(
    "option_open_interest",
    METADATA,
    Column("contract_id", Integer, ForeignKey("option_chains.id"), nullable=False),
    Column("day", Date, nullable=False, comment="the session on which it was told; of the previous close"),
    Column("open_interest", Integer, nullable=False),
    Column("asked_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("contract_id", "day"),
)
