"""Description of all tables.

The one description of the tables, alembic's target. What each column means stands in sql/comments.yaml.

Bars have no foreign keys and no surrogate key, so that the bar tables can become hypertables; their key holds the time.
Bars are whole numbers in the schema `store`, which views of the same names show as decimals. Elsewhere prices are USD
per share with 4 decimals; instants are UTC, ranges are half-open.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, JSONB, TSTZMULTIRANGE, TSTZRANGE

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NOW = text("now()")
PRICE = Numeric(14, 4)
GREEK = Numeric(12, 4)
INSTANT = DateTime(timezone=True)


def _instrument_id() -> "Column[int]":
    """Return the column that names an instrument, whatever its kind."""
    return Column("instrument_id", Integer, nullable=False)


def _data_set() -> "Column[int]":
    """Return the column that tells which kind of bars a row is about."""
    return Column("data_set", SmallInteger, nullable=False)


_CONTRACT = "CASE WHEN instrument_id > 0 THEN instrument_id END"
_UNDERLYING = "CASE WHEN instrument_id < 0 THEN -instrument_id END"


def _series() -> "list[Column[Any]]":
    """Return the columns of a row about a series; what follows the first three is for readers."""
    return [
        _instrument_id(),
        _data_set(),
        Column("what_to_show", Text, nullable=False),
        Column("contract_id", Integer, ForeignKey("option_chains.id"), Computed(_CONTRACT, persisted=True)),
        Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), Computed(_UNDERLYING, persisted=True)),
    ]


def _id() -> Column[int]:
    return Column("id", Integer, Identity(), primary_key=True)


underlying_securities = Table(
    "underlying_securities",
    metadata,
    _id(),
    Column("symbol", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("ib_con_id", Integer, nullable=False, unique=True),
    Column("sec_type", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("primary_exchange", Text, nullable=False, server_default=""),
    Column("currency", Text, nullable=False),
    Column("source", Text, nullable=False, server_default="ib"),
    Column("calendar", Text, nullable=False, server_default="XNYS"),
    # The chain's expirations as IB last listed them, and the New York day on which it was asked.
    Column("chain_expirations", ARRAY(Date)),
    Column("chain_asked_on", Date),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
)

expiration_refreshes = Table(
    "expiration_refreshes",
    metadata,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), primary_key=True),
    Column("expiration_date", Date, primary_key=True),
    Column("refreshed_on", Date, nullable=False),
    Column("contracts", Integer, nullable=False),
)

option_chains = Table(
    "option_chains",
    metadata,
    _id(),
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    Column("contract_symbol", Text, nullable=False),
    Column("expiration_date", Date, nullable=False),
    Column("strike_price", PRICE, nullable=False),
    Column("option_type", Text, nullable=False),
    Column("ib_con_id", Integer, nullable=False, unique=True),
    Column("multiplier", Integer, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("trading_class", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    Column("last_updated", INSTANT, nullable=False, server_default=NOW),
    CheckConstraint("option_type IN ('C', 'P')", name="option_type"),
    Index("ix_option_chains_expiration", "underlying_id", "expiration_date", "strike_price", "option_type"),
)

# Numbers by which a source knew an instrument before it gave another one, or gave the number to another instrument.
earlier_source_ids = Table(
    "earlier_source_ids",
    metadata,
    Column("instrument_id", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("since", INSTANT, nullable=False),
    Column("until", INSTANT, nullable=False),
    PrimaryKeyConstraint("instrument_id", "since", "source_id"),
)

# What a contract's terms were before they changed, by a split for instance; `option_chains` has the present ones.
earlier_contract_terms = Table(
    "earlier_contract_terms",
    metadata,
    Column("contract_id", Integer, ForeignKey("option_chains.id"), nullable=False),
    Column("until", INSTANT, nullable=False),
    Column("contract_symbol", Text, nullable=False),
    Column("expiration_date", Date, nullable=False),
    Column("strike_price", PRICE, nullable=False),
    Column("option_type", Text, nullable=False),
    Column("multiplier", Integer, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("trading_class", Text, nullable=False),
    Column("currency", Text, nullable=False),
    PrimaryKeyConstraint("contract_id", "until"),
)

option_contract_lifecycle = Table(
    "option_contract_lifecycle",
    metadata,
    Column("contract_id", Integer, ForeignKey("option_chains.id"), primary_key=True),
    Column("first_seen", Date, nullable=False),
    Column("listed_since", Date, nullable=False),
    Column("last_seen", Date, nullable=False),
    Column("expiry_collected", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False, server_default="listed"),
    Column("selected", DATEMULTIRANGE, nullable=False, server_default="{}"),
    CheckConstraint("status IN ('listed', 'vanished', 'expired')", name="status"),
)

# What collector.domain.market_data.data_sets says of each kind of bars, for statements that count slots.
data_sets = Table(
    "data_sets",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("instrument_kind", Text, nullable=False),
    Column("bar_seconds", Integer, nullable=False),
)

# What option_contract_lifecycle.selected is for contracts; the view `selections` shows both.
underlying_selections = Table(
    "underlying_selections",
    metadata,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    _data_set(),
    Column("selected", DATEMULTIRANGE, nullable=False),
    PrimaryKeyConstraint("underlying_id", "data_set"),
)


def quote_prices() -> "list[Column[Decimal]]":
    """Return the columns of a slot's BID bar and of its ASK bar."""
    return [Column(f"{side}_{price}", PRICE) for side in ("bid", "ask") for price in ("open", "high", "low", "close")]


def _whole(*names: str, wide: bool = False) -> "list[Column[int]]":
    """Return nullable columns of whole numbers."""
    return [Column(name, BigInteger() if wide else Integer()) for name in names]


def _wicks(prefix: str = "") -> tuple[str, ...]:
    """Return the columns of a bar's prices in the store: the wicks reach beyond open and close of the same series."""
    return tuple(f"{prefix}{name}" for name in ("open", "up", "down", "close"))


# Option prices are whole numbers of `unit` ten-thousandths of a USD: 100 (cents), or 1 in the rare row that has finer
# ones. high = (greatest(open, close) + up) * unit, low = (least(open, close) - down) * unit, likewise of bid and ask;
# vwap = close * unit + vwap_off. IV, delta, theta, vega and rho are ten-thousandths, gamma millionths.
stored_option_bars_5min = Table(
    "option_bars_5min",
    metadata,
    Column("time", INSTANT, nullable=False),
    Column("contract_id", Integer, nullable=False),
    *_whole(*_wicks(), *_wicks("bid_"), *_wicks("ask_"), "vwap_off", "volume", "bar_count"),
    *_whole("implied_volatility", "delta", "theta", "vega", "rho", "gamma"),
    Column("greeks_version", SmallInteger),
    Column("greeks_reason", SmallInteger),
    *_whole("open_interest", "collection_run_id"),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("flags", Integer, nullable=False, server_default=text("0")),
    Column("unit", SmallInteger, nullable=False, server_default=text("100")),
    Column("has_gaps", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("contract_id", "time"),
    CheckConstraint("unit IN (1, 100)", name="unit"),
    # Bars arrive in order of time: a block-range index serves every query by time and costs next to nothing. Of a
    # hypertable the chunks do that, and db.schema.features drops it.
    Index(None, "time", postgresql_using="brin"),
    schema="store",
)

# Prices, vwap and volume of underlyings are ten-thousandths, wicks and vwap as in options, without a unit.
stored_underlying_bars_5min = Table(
    "underlying_bars_5min",
    metadata,
    Column("time", INSTANT, nullable=False),
    Column("underlying_id", Integer, nullable=False),
    *_whole(*_wicks(), "vwap_off", "volume", wide=True),
    *_whole("bar_count", "implied_volatility", "collection_run_id"),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("flags", Integer, nullable=False, server_default=text("0")),
    Column("has_gaps", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("underlying_id", "time"),
    schema="store",
)

bar_revisions = Table(
    "bar_revisions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _instrument_id(),
    _data_set(),
    Column("contract_id", Integer, Computed(_CONTRACT, persisted=True)),
    Column("underlying_id", Integer, Computed(_UNDERLYING, persisted=True)),
    Column("time", INSTANT, nullable=False),
    Column("open", PRICE),
    Column("high", PRICE),
    Column("low", PRICE),
    Column("close", PRICE),
    Column("volume", Numeric(20, 4)),
    Column("bar_count", Integer),
    Column("vwap", PRICE),
    *quote_prices(),
    Column("implied_volatility", GREEK),
    Column("replaced_at", INSTANT, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("adjusted_close", PRICE),
    Index(None, "instrument_id", "time"),
)

# By which factors adjusted closes have changed: a dividend changes all of them, and is one row.
adjustment_revisions = Table(
    "adjustment_revisions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    _data_set(),
    Column("first_session", Date, nullable=False),
    Column("last_session", Date, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("factor", Numeric(16, 8), nullable=False),
    Column("replaced_at", INSTANT, nullable=False),
    Column("run_id", Integer, nullable=False),
    Index(None, "underlying_id", "replaced_at"),
)

# What people did by hand. A trigger keeps rows as they are; only how an act ended is added, once.
operator_actions = Table(
    "operator_actions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("began_at", INSTANT, nullable=False),
    Column("ended_at", INSTANT),
    Column("os_user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("database_role", Text, server_default=text("SESSION_USER"), nullable=False),
    Column("command", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", Text),
    Column("message", Text, server_default="", nullable=False),
    Column("run_id", Integer),
    Column("origin", Text, server_default="command line", nullable=False),
    CheckConstraint("outcome IN ('ok', 'failed', 'interrupted')", name="outcome"),
    CheckConstraint("origin IN ('command line', 'page')", name="origin"),
)

# What the summaries of dropped bars were, where there were no continuous aggregates: retention writes it down.
hourly_option_archive = Table(
    "hourly_option_archive",
    metadata,
    Column("contract_id", Integer, nullable=False),
    Column("hour", INSTANT, nullable=False),
    Column("hour_open", PRICE),
    Column("hour_high", PRICE),
    Column("hour_low", PRICE),
    Column("hour_close", PRICE),
    Column("hour_volume", BigInteger),
    Column("bars_count", BigInteger, nullable=False),
    Column("traded_bars", BigInteger, nullable=False),
    *(Column(name, PRICE) for name in ("avg_bid", "avg_ask", "closing_bid", "closing_ask")),
    Column("closing_iv", GREEK),
    Column("closing_delta", GREEK),
    Column("closing_oi", Integer),
    PrimaryKeyConstraint("contract_id", "hour"),
)

underlying_intraday_archive = Table(
    "underlying_intraday_archive",
    metadata,
    Column("underlying_id", Integer, nullable=False),
    Column("time", INSTANT, nullable=False),
    Column("volume", BigInteger),
    Column("call_volume", BigInteger),
    Column("put_volume", BigInteger),
    Column("traded_contracts", BigInteger, nullable=False),
    Column("contracts", BigInteger, nullable=False),
    PrimaryKeyConstraint("underlying_id", "time"),
)

request_coverage = Table(
    "request_coverage",
    metadata,
    *_series(),
    # Slots only, to the close that was asked for; spans that were settled before revision 0006 reach to the next open.
    Column("covered", TSTZMULTIRANGE, nullable=False, server_default="{}"),
    Column("settled", TSTZMULTIRANGE, nullable=False, server_default="{}"),
    Column(
        "single_witness",
        TSTZMULTIRANGE,
        nullable=False,
        server_default="{}",
    ),
    PrimaryKeyConstraint("instrument_id", "data_set", "what_to_show"),
)

intraday_collection_runs = Table(
    "intraday_collection_runs",
    metadata,
    _id(),
    Column("run_date", Date, nullable=False),
    Column("run_type", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("scheduled_time", INSTANT),
    Column("started_at", INSTANT, nullable=False),
    Column("heartbeat_at", INSTANT, nullable=False),
    Column("completed_at", INSTANT),
    Column("symbols_requested", ARRAY(Text), nullable=False),
    Column("duration_requested", Text),
    Column("bar_size", Text, nullable=False),
    Column("contracts_requested", Integer, nullable=False, server_default=text("0")),
    Column("contracts_successful", Integer, nullable=False, server_default=text("0")),
    Column("bars_collected", BigInteger, nullable=False, server_default=text("0")),
    Column("bars_updated", BigInteger, nullable=False, server_default=text("0")),
    Column("bars_skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("errors", Integer, nullable=False, server_default=text("0")),
    Column("rate_limit_hits", Integer, nullable=False, server_default=text("0")),
    Column("duration_seconds", Numeric(12, 3)),
    Column("status", Text, nullable=False),
    Column("error_details", JSONB),
    Column("progress", JSONB),
    Column("forced", Boolean, nullable=False, server_default=text("false")),
    Column("host", Text, nullable=False, server_default=""),
    Column("process_id", Integer),
    UniqueConstraint("run_date", "run_type", "attempt"),
    CheckConstraint("status IN ('running', 'success', 'partial', 'failed', 'interrupted')", name="status"),
)

daily_collection_status = Table(
    "daily_collection_status",
    metadata,
    _id(),
    Column("collection_date", Date, nullable=False),
    Column("collection_time", INSTANT),
    Column("symbol", Text, nullable=False),
    Column("collection_type", Text, nullable=False),
    Column("started_at", INSTANT, nullable=False),
    Column("completed_at", INSTANT),
    Column("status", Text, nullable=False),
    Column("records_collected", BigInteger, nullable=False, server_default=text("0")),
    Column("error_message", Text),
    Column("timezone", Text, nullable=False, server_default="America/New_York"),
    UniqueConstraint("collection_date", "symbol", "collection_type", name="uq_daily_collection_status_key"),
)

historical_data_gaps = Table(
    "historical_data_gaps",
    metadata,
    _id(),
    *_series(),
    Column("state", Text, nullable=False, server_default="open"),
    Column("gap_start", INSTANT, nullable=False),
    Column("gap_end", INSTANT, nullable=False),
    Column("gap_type", Text, nullable=False),
    Column("detected_at", INSTANT, nullable=False),
    Column("detected_run_id", Integer, ForeignKey("intraday_collection_runs.id")),
    Column("backfilled", Boolean, nullable=False, server_default=text("false")),
    Column("backfilled_at", INSTANT),
    Column("backfill_run_id", Integer, ForeignKey("intraday_collection_runs.id")),
    Column("lost_at", INSTANT),
    Column("reason", Text),
    CheckConstraint("state IN ('open', 'filled', 'lost')", name="state"),
    CheckConstraint("gap_start < gap_end", name="not_empty"),
    Index(
        "uq_historical_data_gaps_open",
        "instrument_id",
        "data_set",
        "what_to_show",
        "gap_start",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
)

collection_statistics = Table(
    "collection_statistics",
    metadata,
    _id(),
    Column("collection_date", Date, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("total_contracts", Integer, nullable=False),
    Column("successful_contracts", Integer, nullable=False),
    Column("total_bars_collected", BigInteger, nullable=False),
    Column("collection_duration_seconds", Numeric(12, 3)),
    Column("avg_bars_per_contract", Numeric(12, 2)),
    Column("data_completeness_percent", Numeric(7, 4)),
    Column("error_rate_percent", Numeric(7, 4)),
    Column("fill_percent", Numeric(7, 4)),
    Column("expected_slots", BigInteger, nullable=False),
    Column("traded_slots", BigInteger, nullable=False),
    Column("no_trade_slots", BigInteger, nullable=False),
    Column("unknown_slots", BigInteger, nullable=False),
    Column("quote_percent", Numeric(7, 4)),
    Column("iv_percent", Numeric(7, 4)),
    Column("quarantined_bars", BigInteger),
    Column("flagged_bars", BigInteger),
    Column("created_at", INSTANT, nullable=False, server_default=NOW),
    UniqueConstraint("collection_date", "symbol"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    _id(),
    *_series(),
    Column("span", TSTZRANGE, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Integer),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("first_failed_at", INSTANT, nullable=False),
    Column("last_failed_at", INSTANT, nullable=False),
    Column("next_attempt_at", INSTANT),
    Column("run_id", Integer, ForeignKey("intraday_collection_runs.id")),
    Column("resolved_at", INSTANT),
    Column("resolution", Text),
    Index(
        "uq_dead_letters_open",
        "instrument_id",
        "data_set",
        "what_to_show",
        "span",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

greeks_parameters = Table(
    "greeks_parameters",
    metadata,
    Column("version", SmallInteger, primary_key=True, autoincrement=False),
    Column("parameters", JSONB, nullable=False, unique=True),
    Column("created_at", INSTANT, nullable=False),
)

# What implied volatilities of an expiration on a session rest on.
expiration_carry = Table(
    "expiration_carry",
    metadata,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    Column("session_date", Date, nullable=False),
    Column("expiration_date", Date, nullable=False),
    Column("rate", Double, nullable=False),
    Column("dividend_yield", Double, nullable=False),
    Column("error", Double, nullable=False),
    Column("pairs", Integer, nullable=False),
    Column("greeks_version", SmallInteger, nullable=False),
    Column("computed_at", INSTANT, nullable=False),
    Column("dividend_source", Text),
    Column("cash_dividends", Numeric(14, 6)),
    Column("expires_at", INSTANT),
    Column("first_slot", INSTANT),
    Column("spots", ARRAY(BigInteger)),
    Column("dividends", JSONB),
    PrimaryKeyConstraint("underlying_id", "session_date", "expiration_date"),
)

announced_dividends = Table(
    "announced_dividends",
    metadata,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), nullable=False),
    Column("told_on", Date, nullable=False),
    Column("ex_date", Date),
    Column("amount", Numeric(14, 6)),
    Column("recorded_at", INSTANT, nullable=False),
    CheckConstraint("(ex_date IS NULL) = (amount IS NULL)", name="date_and_amount"),
    PrimaryKeyConstraint("underlying_id", "told_on"),
)

# Bars that cannot be true, as IB sent them; their slots are asked for again, until the same bar has come twice.
quarantined_bars = Table(
    "quarantined_bars",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_series(),
    Column("time", INSTANT, nullable=False),
    Column("reason", Text, nullable=False),
    Column("open", Numeric),
    Column("high", Numeric),
    Column("low", Numeric),
    Column("close", Numeric),
    Column("volume", Numeric),
    Column("bar_count", BigInteger),
    Column("vwap", Numeric),
    Column("run_id", Integer),
    Column("quarantined_at", INSTANT, nullable=False),
    Column("sent_at", INSTANT),
    Column("seen", SmallInteger, nullable=False, server_default=text("1")),
    Index(None, "time"),
    UniqueConstraint("instrument_id", "data_set", "what_to_show", "time"),
)

option_open_interest = Table(
    "option_open_interest",
    metadata,
    Column("contract_id", Integer, ForeignKey("option_chains.id"), nullable=False),
    Column("day", Date, nullable=False),
    Column("open_interest", Integer, nullable=False),
    Column("asked_at", INSTANT, nullable=False),
    PrimaryKeyConstraint("contract_id", "day"),
)

# Series of a session that an answer called empty and that are not settled yet, with the first controlled witness.
negative_claims = Table(
    "negative_claims",
    metadata,
    *_series(),
    Column("session_date", Date, nullable=False),
    Column("span", TSTZRANGE, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("first_sent_at", INSTANT),
    Column("first_run_id", Integer),
    Column("first_login", Text),
    Column("last_sent_at", INSTANT),
    Column("nights", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('awaiting', 'held')", name="state"),
    PrimaryKeyConstraint("instrument_id", "data_set", "what_to_show", "span"),
)

# How much of a session's emptiness was found, by symbol and over all, and whether it can be.
session_evidence = Table(
    "session_evidence",
    metadata,
    Column("session_date", Date, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("answered", Integer, nullable=False, server_default=text("0")),
    Column("empty", Integer, nullable=False, server_default=text("0")),
    Column("near", Integer, nullable=False, server_default=text("0")),
    Column("near_without_ask", Integer, nullable=False, server_default=text("0")),
    Column("trades_empty", Integer, nullable=False, server_default=text("0")),
    Column("plausible", Boolean),
    Column("reason", Text, nullable=False, server_default=""),
    Column("found_on", ARRAY(Date), nullable=False, server_default="{}"),
    Column("accepted_at", INSTANT),
    Column("run_id", Integer),
    Column("measured_at", INSTANT),
    PrimaryKeyConstraint("session_date", "symbol"),
)

# Sessions without any bar of any underlying, while the one before had bars; told once two witnesses agree.
suspected_closures = Table(
    "suspected_closures",
    metadata,
    Column("session_date", Date, primary_key=True),
    Column("symbols", ARRAY(Text), nullable=False),
    Column("first_sent_at", INSTANT, nullable=False),
    Column("last_sent_at", INSTANT, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("told_at", INSTANT),
)

# Every request and how it ended. No key and no foreign keys, so that it can become a hypertable.
requests = Table(
    "requests",
    metadata,
    Column("sent_at", INSTANT, nullable=False),
    Column("answered_at", INSTANT),
    Column("run_id", Integer),
    Column("login", Text),
    _instrument_id(),
    _data_set(),
    Column("what_to_show", Text, nullable=False),
    Column("span", TSTZRANGE, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Integer),
    Column("message", Text),
    Column("bars", Integer, nullable=False, server_default=text("0")),
    Column("first_bar", INSTANT),
    Column("negatives", TSTZMULTIRANGE),
    Column("controlled", Boolean),
    Column("checksum", Integer),
    Index(None, "sent_at", postgresql_using="brin"),
    Index(None, "instrument_id", "sent_at"),
)

# Counts the changes of a session's bars; whoever changes a row of it, or what is known of it, adds one.
session_changes = Table(
    "session_changes",
    metadata,
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id"), primary_key=True),
    Column("data_set", SmallInteger, primary_key=True),
    Column("session_date", Date, primary_key=True),
    Column("change", BigInteger, nullable=False, server_default=text("1")),
)

# The archive's manifest: one row an object that is stored, written once it has been read back.
archive_objects = Table(
    "archive_objects",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("place", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("underlying_id", Integer, ForeignKey("underlying_securities.id")),
    Column("data_set", SmallInteger),
    Column("first_session", Date),
    Column("last_session", Date),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("written_at", INSTANT, nullable=False),
    Column("verified_at", INSTANT),
    Column("leftovers", ARRAY(Text), nullable=False, server_default="{}"),
    UniqueConstraint("place", "path"),
)

archived_sessions = Table(
    "archived_sessions",
    metadata,
    Column("object_id", BigInteger, ForeignKey("archive_objects.id", ondelete="CASCADE"), primary_key=True),
    Column("underlying_id", Integer, primary_key=True),
    Column("data_set", SmallInteger, primary_key=True),
    Column("session_date", Date, primary_key=True),
    Column("change", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index(None, "underlying_id", "data_set", "session_date"),
)

# Words and meanings of codes in bars and quarantine, filled from collector.domain.code_meanings.
codes = Table(
    "codes",
    metadata,
    Column("kind", Text, nullable=False),
    Column("code", Integer),
    Column("word", Text, nullable=False),
    Column("meaning", Text, nullable=False),
    PrimaryKeyConstraint("kind", "word"),
    UniqueConstraint("kind", "code"),
)

# The key of the collection lock: one row, for those who collect and nobody else (sql/roles/create.sql).
collection_lock = Table(
    "collection_lock",
    metadata,
    Column("one", Boolean, CheckConstraint("one", name="one"), primary_key=True, server_default=text("true")),
    Column("key", Integer, nullable=False, server_default=text("3 + floor(random() * 2147483645)::integer")),
    schema="store",
)
