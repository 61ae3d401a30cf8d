"""The tables of what is made out of bars or thought about them; the rest of the description is in `schema`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZMULTIRANGE, TSTZRANGE

from collector.db.schema.schema_ground import INSTANT, METADATA, data_set, one_instrument

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

# Bars that cannot be true, as IB sent them; their slots are asked for again, until the same bar has come twice.
quarantined_bars = Table(
    "quarantined_bars",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    *one_instrument(),
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
    Column("sent_at", INSTANT, comment="when the request that brought it was sent"),
    Column("seen", SmallInteger, nullable=False, server_default=text("1"), comment="in how many answers"),
    Index(None, "time"),
    Index(
        "uq_quarantined_bars_contract",
        "contract_id",
        "data_set",
        "what_to_show",
        "time",
        unique=True,
        postgresql_where=text("contract_id IS NOT NULL"),
    ),
    Index(
        "uq_quarantined_bars_underlying",
        "underlying_id",
        "data_set",
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

# Series of a session that an answer called empty and that are not settled yet, with the first controlled witness.
negative_claims = Table(
    "negative_claims",
    METADATA,
    *one_instrument(),
    Column("session_date", Date, nullable=False),
    Column("span", TSTZRANGE, nullable=False, comment="what was asked for of the session"),
    Column("state", Text, nullable=False, comment="awaiting a second witness, or held"),
    Column("reason", Text, nullable=False, server_default="", comment="why it is held, in words"),
    Column("first_sent_at", INSTANT, comment="when the first controlled witness was asked; NULL: none yet"),
    Column("first_run_id", Integer),
    Column("first_login", Text),
    Column("last_sent_at", INSTANT, comment="when the latest controlled witness was asked"),
    Column("nights", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('awaiting', 'held')", name="state"),
    UniqueConstraint("contract_id", "data_set", "what_to_show", "span", name="uq_negative_claims_contract"),
    UniqueConstraint("underlying_id", "data_set", "what_to_show", "span", name="uq_negative_claims_underlying"),
)

# How much of a session's emptiness was found, by symbol and over all, and whether it can be.
session_evidence = Table(
    "session_evidence",
    METADATA,
    Column("session_date", Date, nullable=False),
    Column("symbol", Text, nullable=False, comment="ALL: over all"),
    Column("answered", Integer, nullable=False, server_default=text("0"), comment="contracts"),
    Column("empty", Integer, nullable=False, server_default=text("0"), comment="of them, in all series"),
    Column("near", Integer, nullable=False, server_default=text("0"), comment="contracts near the money"),
    Column("near_without_ask", Integer, nullable=False, server_default=text("0")),
    Column("trades_empty", Integer, nullable=False, server_default=text("0"), comment="contracts"),
    Column("plausible", Boolean, comment="NULL: not measured"),
    Column("reason", Text, nullable=False, server_default="", comment="why it is not plausible, in words"),
    Column("found_on", ARRAY(Date), nullable=False, server_default="{}", comment="nights that found the same share"),
    Column("accepted_at", INSTANT),
    Column("run_id", Integer),
    Column("measured_at", INSTANT),
    PrimaryKeyConstraint("session_date", "symbol"),
)

# Every request and how it ended. No key and no foreign keys, so that it can become a hypertable.
requests = Table(
    "requests",
    METADATA,
    Column("sent_at", INSTANT, nullable=False, comment="by the source's clock"),
    Column("answered_at", INSTANT, comment="by the source's clock; NULL: never"),
    Column("run_id", Integer),
    Column("login", Text),
    Column("instrument_id", Integer, nullable=False, comment="a contract's id, or minus the underlying's"),
    data_set(),
    Column("what_to_show", Text, nullable=False),
    Column("span", TSTZRANGE, nullable=False, comment="what was asked for"),
    Column("outcome", Text, nullable=False, comment="collector.domain.answers.Outcome"),
    Column("code", Integer, comment="the source's error code"),
    Column("message", Text, comment="the source's words; NULL for bars"),
    Column("bars", Integer, nullable=False, server_default=text("0")),
    Column("first_bar", INSTANT),
    Column("negatives", TSTZMULTIRANGE, comment="what was asked for of sessions without any bar; NULL: none"),
    Column("controlled", Boolean, comment="whether its negatives may be believed; NULL: not weighed"),
    Index(None, "sent_at", postgresql_using="brin"),
    Index(None, "instrument_id", "sent_at"),
)
