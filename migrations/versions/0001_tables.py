"""The tables as of the first version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PRICE = sa.Numeric(14, 4)
GREEK = sa.Numeric(12, 4)


def upgrade() -> None:
    op.create_table(
        "bar_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("open", PRICE),
        sa.Column("high", PRICE),
        sa.Column("low", PRICE),
        sa.Column("close", PRICE),
        sa.Column("volume", sa.Numeric(precision=20, scale=4)),
        sa.Column("bar_count", sa.Integer()),
        sa.Column("vwap", PRICE),
        sa.Column("bid_close", PRICE),
        sa.Column("ask_close", PRICE),
        sa.Column("implied_volatility", GREEK),
        sa.Column("replaced_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(contract_id, underlying_id) = 1", name=op.f("ck_bar_revisions_one_instrument")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bar_revisions")),
    )
    op.create_index(op.f("ix_bar_revisions_contract_id_time"), "bar_revisions", ["contract_id", "time"])
    op.create_table(
        "collection_statistics",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("collection_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("total_contracts", sa.Integer(), nullable=False, comment="selected for the session"),
        sa.Column("successful_contracts", sa.Integer(), nullable=False, comment="settled in every series"),
        sa.Column("total_bars_collected", sa.BigInteger(), nullable=False),
        sa.Column("collection_duration_seconds", sa.Numeric(precision=12, scale=3)),
        sa.Column("avg_bars_per_contract", sa.Numeric(precision=12, scale=2)),
        sa.Column(
            "data_completeness_percent", sa.Numeric(precision=7, scale=4), comment="settled of expected series-slots"
        ),
        sa.Column("error_rate_percent", sa.Numeric(precision=7, scale=4)),
        sa.Column("fill_percent", sa.Numeric(precision=7, scale=4), comment="traded of expected slots"),
        sa.Column("expected_slots", sa.BigInteger(), nullable=False),
        sa.Column("traded_slots", sa.BigInteger(), nullable=False),
        sa.Column("no_trade_slots", sa.BigInteger(), nullable=False),
        sa.Column("unknown_slots", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_statistics")),
        sa.UniqueConstraint("collection_date", "symbol", name=op.f("uq_collection_statistics_collection_date_symbol")),
    )
    op.create_table(
        "daily_collection_status",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("collection_date", sa.Date(), nullable=False),
        sa.Column("collection_time", INSTANT, comment="when it was due"),
        sa.Column("symbol", sa.Text(), nullable=False, comment="ALL for the whole window"),
        sa.Column("collection_type", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("completed_at", INSTANT),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("records_collected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_message", sa.Text()),
        sa.Column("timezone", sa.Text(), server_default="America/New_York", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_collection_status")),
        sa.UniqueConstraint("collection_date", "symbol", "collection_type", name="uq_daily_collection_status_key"),
    )
    op.create_table(
        "intraday_collection_runs",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False, comment="the session's date"),
        sa.Column("run_type", sa.Text(), nullable=False, comment="the window"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("scheduled_time", INSTANT),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("heartbeat_at", INSTANT, nullable=False),
        sa.Column("completed_at", INSTANT),
        sa.Column("symbols_requested", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("duration_requested", sa.Text()),
        sa.Column("bar_size", sa.Text(), nullable=False),
        sa.Column("contracts_requested", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("contracts_successful", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "bars_collected", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="rows inserted"
        ),
        sa.Column("bars_updated", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="rows changed"),
        sa.Column(
            "bars_skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="rows identical"
        ),
        sa.Column("errors", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rate_limit_hits", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duration_seconds", sa.Numeric(precision=12, scale=3)),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_details", postgresql.JSONB()),
        sa.Column(
            "progress",
            postgresql.JSONB(),
            comment="the latest state of requests and pacing, written with the heartbeat",
        ),
        sa.Column("forced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("process_id", sa.Integer()),
        sa.CheckConstraint(
            "status IN ('running', 'success', 'partial', 'failed', 'interrupted')",
            name=op.f("ck_intraday_collection_runs_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intraday_collection_runs")),
        sa.UniqueConstraint(
            "run_date", "run_type", "attempt", name=op.f("uq_intraday_collection_runs_run_date_run_type_attempt")
        ),
    )
    op.create_table(
        "option_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("open", PRICE),
        sa.Column("high", PRICE),
        sa.Column("low", PRICE),
        sa.Column("close", PRICE),
        sa.Column("volume", sa.BigInteger(), comment="contracts; NULL until TRADES has been answered for the slot"),
        sa.Column("bar_count", sa.Integer()),
        sa.Column("vwap", PRICE),
        sa.Column("bid_close", PRICE),
        sa.Column("ask_close", PRICE),
        sa.Column("spread_close", PRICE, sa.Computed("ask_close - bid_close", persisted=True)),
        sa.Column("mid_close", PRICE, sa.Computed("(bid_close + ask_close) / 2", persisted=True)),
        sa.Column("implied_volatility", GREEK, comment="fraction of 1"),
        sa.Column("delta", GREEK),
        sa.Column("gamma", sa.Numeric(precision=12, scale=6)),
        sa.Column("theta", GREEK),
        sa.Column("vega", GREEK),
        sa.Column("rho", GREEK),
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
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("contract_id", "time", name=op.f("pk_option_bars_5min")),
    )
    op.create_index(op.f("ix_option_bars_5min_time"), "option_bars_5min", ["time"], postgresql_using="brin")
    op.create_table(
        "underlying_bars_5min",
        sa.Column("time", INSTANT, nullable=False, comment="start of the slot"),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("open", PRICE),
        sa.Column("high", PRICE),
        sa.Column("low", PRICE),
        sa.Column("close", PRICE),
        sa.Column("volume", sa.Numeric(precision=20, scale=4), comment="shares"),
        sa.Column("bar_count", sa.Integer()),
        sa.Column("vwap", PRICE),
        sa.Column("implied_volatility", GREEK, comment="close of IB's 30-day volatility bar, fraction of 1"),
        sa.Column(
            "flags", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="bits: collector.domain.flags"
        ),
        sa.Column("collection_run_id", sa.Integer()),
        sa.Column("has_gaps", sa.Boolean(), nullable=False, comment="a configured series of the slot is not covered"),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("underlying_id", "time", name=op.f("pk_underlying_bars_5min")),
    )
    op.create_table(
        "underlying_securities",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ib_con_id", sa.Integer(), nullable=False),
        sa.Column("sec_type", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("primary_exchange", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("chain_expirations", postgresql.ARRAY(sa.Date())),
        sa.Column("chain_asked_on", sa.Date()),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_underlying_securities")),
        sa.UniqueConstraint("ib_con_id", name=op.f("uq_underlying_securities_ib_con_id")),
        sa.UniqueConstraint("symbol", name=op.f("uq_underlying_securities_symbol")),
    )
    op.create_table(
        "expiration_refreshes",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("refreshed_on", sa.Date(), nullable=False, comment="the New York day of IB's latest definition"),
        sa.Column("contracts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_expiration_refreshes_underlying_id")
        ),
        sa.PrimaryKeyConstraint("underlying_id", "expiration_date", name=op.f("pk_expiration_refreshes")),
    )
    op.create_table(
        "option_chains",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("contract_symbol", sa.Text(), nullable=False, comment="the 21-character OCC symbol"),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("strike_price", PRICE, nullable=False),
        sa.Column("option_type", sa.Text(), nullable=False),
        sa.Column("ib_con_id", sa.Integer(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("trading_class", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_updated", INSTANT, server_default=sa.text("now()"), nullable=False, comment="when IB last defined it"
        ),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_option_chains_underlying_id")
        ),
        sa.CheckConstraint("option_type IN ('C', 'P')", name=op.f("ck_option_chains_option_type")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_option_chains")),
        sa.UniqueConstraint("ib_con_id", name=op.f("uq_option_chains_ib_con_id")),
    )
    op.create_index(
        "ix_option_chains_expiration",
        "option_chains",
        ["underlying_id", "expiration_date", "strike_price", "option_type"],
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), comment="IB's error code"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("first_failed_at", INSTANT, nullable=False),
        sa.Column("last_failed_at", INSTANT, nullable=False),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("run_id", sa.Integer()),
        sa.Column("resolved_at", INSTANT),
        sa.Column("resolution", sa.Text(), comment="answered, expired, settled by another request …"),
        sa.CheckConstraint("num_nonnulls(contract_id, underlying_id) = 1", name=op.f("ck_dead_letters_one_instrument")),
        sa.ForeignKeyConstraint(["contract_id"], ["option_chains.id"], name=op.f("fk_dead_letters_contract_id")),
        sa.ForeignKeyConstraint(["run_id"], ["intraday_collection_runs.id"], name=op.f("fk_dead_letters_run_id")),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_dead_letters_underlying_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "uq_dead_letters_open_contract",
        "dead_letters",
        ["contract_id", "what_to_show", "span"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL AND contract_id IS NOT NULL"),
    )
    op.create_index(
        "uq_dead_letters_open_underlying",
        "dead_letters",
        ["underlying_id", "what_to_show", "span"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL AND underlying_id IS NOT NULL"),
    )
    op.create_table(
        "historical_data_gaps",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("gap_start", INSTANT, nullable=False),
        sa.Column("gap_end", INSTANT, nullable=False),
        sa.Column("gap_type", sa.Text(), nullable=False),
        sa.Column("detected_at", INSTANT, nullable=False),
        sa.Column("detected_run_id", sa.Integer()),
        sa.Column("backfilled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("backfilled_at", INSTANT),
        sa.Column("backfill_run_id", sa.Integer()),
        sa.Column("lost_at", INSTANT),
        sa.CheckConstraint("gap_start < gap_end", name=op.f("ck_historical_data_gaps_not_empty")),
        sa.CheckConstraint(
            "num_nonnulls(contract_id, underlying_id) = 1", name=op.f("ck_historical_data_gaps_one_instrument")
        ),
        sa.ForeignKeyConstraint(
            ["backfill_run_id"], ["intraday_collection_runs.id"], name=op.f("fk_historical_data_gaps_backfill_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["option_chains.id"], name=op.f("fk_historical_data_gaps_contract_id")
        ),
        sa.ForeignKeyConstraint(
            ["detected_run_id"], ["intraday_collection_runs.id"], name=op.f("fk_historical_data_gaps_detected_run_id")
        ),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_historical_data_gaps_underlying_id")
        ),
        sa.CheckConstraint("state IN ('open', 'filled', 'lost')", name=op.f("ck_historical_data_gaps_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_historical_data_gaps")),
    )
    op.create_index(
        "uq_historical_data_gaps_open_contract",
        "historical_data_gaps",
        ["contract_id", "what_to_show", "gap_start"],
        unique=True,
        postgresql_where=sa.text("state = 'open' AND contract_id IS NOT NULL"),
    )
    op.create_index(
        "uq_historical_data_gaps_open_underlying",
        "historical_data_gaps",
        ["underlying_id", "what_to_show", "gap_start"],
        unique=True,
        postgresql_where=sa.text("state = 'open' AND underlying_id IS NOT NULL"),
    )
    op.create_table(
        "option_contract_lifecycle",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("last_seen", sa.Date(), nullable=False),
        sa.Column("expiry_collected", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), server_default="listed", nullable=False),
        sa.Column("selected", postgresql.DATEMULTIRANGE(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["option_chains.id"], name=op.f("fk_option_contract_lifecycle_contract_id")
        ),
        sa.CheckConstraint(
            "status IN ('listed', 'vanished', 'expired')", name=op.f("ck_option_contract_lifecycle_status")
        ),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_option_contract_lifecycle")),
    )
    op.create_table(
        "request_coverage",
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.Column("covered", postgresql.TSTZMULTIRANGE(), server_default="{}", nullable=False),
        sa.Column("settled", postgresql.TSTZMULTIRANGE(), server_default="{}", nullable=False),
        sa.Column("claimed", postgresql.ARRAY(postgresql.TSTZRANGE()), server_default="{}", nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(contract_id, underlying_id) = 1", name=op.f("ck_request_coverage_one_instrument")
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["option_chains.id"], name=op.f("fk_request_coverage_contract_id")),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_request_coverage_underlying_id")
        ),
        sa.UniqueConstraint("contract_id", "what_to_show", name=op.f("uq_request_coverage_contract_id_what_to_show")),
        sa.UniqueConstraint(
            "underlying_id", "what_to_show", name=op.f("uq_request_coverage_underlying_id_what_to_show")
        ),
    )


def downgrade() -> None:
    # CASCADE takes the views and aggregates along that db.features has put on top.
    for table in (
        "request_coverage",
        "option_contract_lifecycle",
        "historical_data_gaps",
        "dead_letters",
        "option_chains",
        "expiration_refreshes",
        "underlying_securities",
        "underlying_bars_5min",
        "option_bars_5min",
        "intraday_collection_runs",
        "daily_collection_status",
        "collection_statistics",
        "bar_revisions",
    ):
        op.execute(f"DROP TABLE {table} CASCADE")
