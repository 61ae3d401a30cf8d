"""Store: whole numbers behind views of decimals, one key for every instrument, data sets in every key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from collector.domain.errors import DatabaseError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PRICE = sa.Numeric(14, 4)
GREEK = sa.Numeric(12, 4)
OPTION_PRICES = tuple(f"{side}{name}" for side in ("", "bid_", "ask_") for name in ("open", "up", "down", "close"))
GREEKS = ("implied_volatility", "delta", "theta", "vega", "rho", "gamma")
SERIES_KEYS = {
    "request_coverage": "",
    "historical_data_gaps": "gap_start",
    "dead_letters": "span",
    "quarantined_bars": "time",
    "negative_claims": "span",
}
"""What the tables about series have in their keys beside the series."""
OPEN_ONLY = {"historical_data_gaps": "state = 'open'", "dead_letters": "resolved_at IS NULL"}
"""Tables whose key is that of the rows that are open."""
INSTRUMENTS = {
    "contract_id": "CASE WHEN instrument_id > 0 THEN instrument_id END",
    "underlying_id": "CASE WHEN instrument_id < 0 THEN -instrument_id END",
}
# Comments are written by db.schema.comments after each upgrade, from one place; those of earlier revisions go.
DROP_COMMENTS = """
DO $$
DECLARE
    said record;
BEGIN
    FOR said IN
        SELECT class.oid::regclass AS relation, held.attname AS name
        FROM pg_description AS comment
        INNER JOIN pg_class AS class ON class.oid = comment.objoid AND comment.classoid = 'pg_class'::regclass
        INNER JOIN pg_attribute AS held ON held.attrelid = class.oid AND held.attnum = comment.objsubid
        WHERE class.relnamespace = 'public'::regnamespace
            AND comment.objsubid > 0
            AND class.relname = ANY('{
                underlying_securities, expiration_refreshes, option_chains, option_contract_lifecycle, bar_revisions,
                hourly_option_archive, underlying_intraday_archive, request_coverage, intraday_collection_runs,
                daily_collection_status, historical_data_gaps, collection_statistics, dead_letters, greeks_parameters,
                expiration_carry, quarantined_bars, option_open_interest, negative_claims, session_evidence, requests
            }')
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS NULL', said.relation, said.name);
    END LOOP;
END
$$
"""

BARS = ("option_bars_5min", "underlying_bars_5min")
SUMMARIES = ("daily_option_summary", "hourly_option_summary", "underlying_intraday_summary")

VIEWS = ("option_bars", "option_bars_5min_float8", *BARS)
"""What db.schema.features puts on the bars; the last two are tables before this revision."""

# Views of other people's that stand on bars, on summaries of them or on the view of names.
STRANGERS = """
SELECT DISTINCT own.oid::regclass::text AS view
FROM pg_depend AS link
INNER JOIN pg_rewrite AS rule ON rule.oid = link.objid AND link.classid = 'pg_rewrite'::regclass
INNER JOIN pg_class AS own ON own.oid = rule.ev_class
INNER JOIN pg_class AS used ON used.oid = link.refobjid AND link.refclassid = 'pg_class'::regclass
WHERE used.relname = ANY(:names)
    AND used.relnamespace = 'public'::regnamespace
    AND own.relname <> ALL(:names)
    AND own.relnamespace::regnamespace::text <> '_timescaledb_internal'
ORDER BY 1
"""
# What else of other people's hangs on the bars' tables: it would keep them from leaving, or go with their rows.
GUESTS = """
SELECT pg_describe_object(link.classid, link.objid, 0) AS guest
FROM pg_class AS bars
INNER JOIN pg_depend AS link ON link.refobjid IN (bars.oid, bars.reltype) AND link.deptype = 'n'
LEFT JOIN pg_constraint AS own ON own.oid = link.objid AND link.classid = 'pg_constraint'::regclass
WHERE bars.oid IN ('public.option_bars_5min'::regclass, 'public.underlying_bars_5min'::regclass)
    AND (own.conrelid <> bars.oid OR link.classid = 'pg_proc'::regclass)
UNION
SELECT format('trigger %I on %s', tgname, tgrelid::regclass)
FROM pg_trigger
WHERE tgrelid IN ('public.option_bars_5min'::regclass, 'public.underlying_bars_5min'::regclass)
    AND NOT tgisinternal
    AND tgname NOT LIKE 'ts\\_%'
UNION
SELECT format('column %I of %s', attname, attrelid::regclass)
FROM pg_attribute
WHERE attrelid IN ('public.option_bars_5min'::regclass, 'public.underlying_bars_5min'::regclass)
    AND attnum > 0
    AND NOT attisdropped
    AND attname <> ALL(:columns)
ORDER BY 1
"""
COLUMNS = (
    "time", "contract_id", "underlying_id", "open", "high", "low", "close", "volume", "bar_count", "vwap", "bid_open",
    "bid_high", "bid_low", "bid_close", "ask_open", "ask_high", "ask_low", "ask_close", "spread_close", "mid_close",
    "implied_volatility", "delta", "gamma", "theta", "vega", "rho", "greeks_version", "greeks_reason", "open_interest",
    "flags", "collection_run_id", "data_source", "has_gaps", "created_at", "updated_at",
)  # fmt: skip
"""Of the bars' tables before this revision."""
# Of days whose bars retention has dropped the aggregates are the only copy of what was traded.
ARCHIVE = """
DO $$
DECLARE
    dropped tstzrange;
BEGIN
    IF to_regclass('timescaledb_information.continuous_aggregates') IS NULL THEN
        RETURN;
    END IF;
    IF (
        SELECT count(*) FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = '{schema}' AND view_name IN ('hourly_option_summary', 'underlying_intraday_summary')
    ) < 2 THEN
        RETURN;
    END IF;
    FOR dropped IN
        SELECT unnest(
            '{[-infinity, infinity)}'::tstzmultirange - coalesce(range_agg(tstzrange(range_start, range_end)), '{}')
        )
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = '{schema}' AND hypertable_name = 'option_bars_5min'
    LOOP
        INSERT INTO hourly_option_archive (
            contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
        )
        SELECT contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
        FROM hourly_option_summary
        WHERE hour >= lower(dropped) AND hour < upper(dropped)
        ON CONFLICT DO NOTHING;
        INSERT INTO underlying_intraday_archive (
            underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        )
        SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        FROM underlying_intraday_summary
        WHERE time >= lower(dropped) AND time < upper(dropped)
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$
"""
DROP_SUMMARIES = """
DO $$
DECLARE
    summary text;
BEGIN
    FOREACH summary IN ARRAY ARRAY['daily_option_summary', 'hourly_option_summary', 'underlying_intraday_summary'] LOOP
        IF to_regclass(summary) IS NULL THEN
            CONTINUE;
        ELSIF to_regclass('timescaledb_information.continuous_aggregates') IS NULL THEN
            EXECUTE format('DROP VIEW %I', summary);
        ELSIF EXISTS (
            SELECT
            FROM timescaledb_information.continuous_aggregates
            WHERE view_schema = 'public' AND view_name = summary
        ) THEN
            EXECUTE format('DROP MATERIALIZED VIEW %I', summary);
        ELSE
            EXECUTE format('DROP VIEW %I', summary);
        END IF;
    END LOOP;
END
$$
"""
# Readers of bars read them through views, so the roles need the schema itself only to dump it.
GRANT = """
DO $$
DECLARE
    known text;
BEGIN
    FOR known IN SELECT rolname FROM pg_roles WHERE rolname IN ('collector_ro', 'collector_rw') LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA decimals TO %I', known);
    END LOOP;
END
$$
"""
OPTION_DECIMALS = """
INSERT INTO option_bars_5min (
    time, contract_id, open, high, low, close, volume, bar_count, vwap, bid_open, bid_high, bid_low, bid_close,
    ask_open, ask_high, ask_low, ask_close, implied_volatility, delta, gamma, theta, vega, rho, greeks_version,
    greeks_reason, open_interest, flags, collection_run_id, data_source, has_gaps, created_at, updated_at
)
SELECT
    time, contract_id,
    open * unit * 0.0001,
    (greatest(open, close) + up) * unit * 0.0001,
    (least(open, close) - down) * unit * 0.0001,
    close * unit * 0.0001,
    volume, bar_count,
    (close * unit + vwap_off) * 0.0001,
    bid_open * unit * 0.0001,
    (greatest(bid_open, bid_close) + bid_up) * unit * 0.0001,
    (least(bid_open, bid_close) - bid_down) * unit * 0.0001,
    bid_close * unit * 0.0001,
    ask_open * unit * 0.0001,
    (greatest(ask_open, ask_close) + ask_up) * unit * 0.0001,
    (least(ask_open, ask_close) - ask_down) * unit * 0.0001,
    ask_close * unit * 0.0001,
    implied_volatility * 0.0001, delta * 0.0001, gamma * 0.000001, theta * 0.0001, vega * 0.0001, rho * 0.0001,
    greeks_version, greeks_reason, open_interest, flags, collection_run_id,
    CASE WHEN close IS NULL THEN 'BID_ASK' ELSE 'TRADES' END,
    has_gaps, created_at, updated_at
FROM store.option_bars_5min
"""
UNDERLYING_DECIMALS = """
INSERT INTO underlying_bars_5min (
    time, underlying_id, open, high, low, close, volume, bar_count, vwap, implied_volatility, flags, collection_run_id,
    has_gaps, created_at, updated_at
)
SELECT
    time, underlying_id,
    open * 0.0001,
    (greatest(open, close) + up) * 0.0001,
    (least(open, close) - down) * 0.0001,
    close * 0.0001,
    volume * 0.0001, bar_count,
    (close + vwap_off) * 0.0001,
    implied_volatility * 0.0001,
    flags, collection_run_id, has_gaps, created_at, updated_at
FROM store.underlying_bars_5min
"""


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    _set_decimals_aside()
    _create_store()
    for column in _archived():
        op.add_column("hourly_option_archive", column)
    _create_codes()
    _key_by_instrument()
    _instruments()
    _keep_adjustments()
    op.execute(DROP_COMMENTS)


def downgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    _take_decimals_back()
    op.drop_table("adjustment_revisions")
    op.drop_column("bar_revisions", "adjusted_close")
    _forget_instruments()
    _key_by_table()
    op.drop_table("codes")
    # CASCADE takes along what db.schema.features has put on top.
    op.execute("DROP SCHEMA store CASCADE")
    for column in _archived():
        op.drop_column("hourly_option_archive", str(column.name))


def _set_decimals_aside() -> None:
    """Move bars to the schema `decimals`, whence db.schema.conversion takes them to the store; drop empty tables."""
    op.execute(f"LOCK TABLE ONLY {', '.join(BARS)} IN ACCESS EXCLUSIVE MODE")
    _refuse_strangers()
    _refuse_guests()
    _drop_summaries("public")
    op.execute("DROP VIEW IF EXISTS option_bars")
    if any(
        op.get_bind().scalar(sa.select(sa.exists(sa.select(sa.text("1")).select_from(sa.table(one))))) for one in BARS
    ):
        op.execute("CREATE SCHEMA decimals")
        op.execute(GRANT)
        for one in BARS:
            op.execute(f"ALTER TABLE {one} SET SCHEMA decimals")
    else:
        for one in BARS:
            op.drop_table(one)


def _take_decimals_back() -> None:
    """Give the bars their decimals again, those that were still waiting to be converted and those of the store."""
    _refuse_strangers()
    _drop_summaries("store")
    for one in VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {one} CASCADE")  # functions take their rows
    if op.get_bind().scalar(sa.text("SELECT to_regnamespace('decimals') IS NULL")):
        _create_decimals()
    else:
        for one in ("option_bars_5min_float8", *BARS):
            op.execute(f"DROP VIEW IF EXISTS decimals.stored_{one}, decimals.fitting_{one}")
        for one in BARS:
            op.execute(f"ALTER TABLE decimals.{one} SET SCHEMA public")
        op.execute("DROP SCHEMA decimals")
    op.execute(OPTION_DECIMALS)
    op.execute(UNDERLYING_DECIMALS)


def _refuse_strangers() -> None:
    """Leave a database alone on whose bars other views stand: they would go on showing what nobody writes any more."""
    found = op.get_bind().scalars(sa.text(STRANGERS), {"names": [*VIEWS, *SUMMARIES]}).all()
    if found:
        raise DatabaseError(
            f"views that are not the collector's stand on the bars: {', '.join(found)}",
            "keep their definitions, drop them, do this again, and create them anew: names and columns stay",
        )


def _refuse_guests() -> None:
    """Leave a database alone on whose bars something hangs that would be lost, or that nothing could be moved under."""
    found = op.get_bind().scalars(sa.text(GUESTS), {"columns": list(COLUMNS)}).all()
    if found:
        raise DatabaseError(
            f"what is not the collector's hangs on the tables of bars, which become views: {', '.join(found)}",
            "keep what they hold or say elsewhere, drop them, and do this again",
        )


def _drop_summaries(schema: str) -> None:
    op.execute(ARCHIVE.replace("{schema}", schema))
    op.execute(DROP_SUMMARIES)


def _create_decimals() -> None:
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
        sa.Column("time", INSTANT, nullable=False),
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
        sa.Column("time", INSTANT, nullable=False),
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


def _keep_adjustments() -> None:
    op.add_column("bar_revisions", sa.Column("adjusted_close", sa.Numeric(14, 4)))
    op.create_table(
        "adjustment_revisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        _data_set(),
        sa.Column("first_session", sa.Date(), nullable=False),
        sa.Column("last_session", sa.Date(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("factor", sa.Numeric(16, 8), nullable=False),
        sa.Column("replaced_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_adjustment_revisions_underlying_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustment_revisions")),
    )
    op.create_index(
        op.f("ix_adjustment_revisions_underlying_id_replaced_at"),
        "adjustment_revisions",
        ["underlying_id", "replaced_at"],
    )


def _instruments() -> None:
    op.add_column(
        "underlying_securities",
        sa.Column(
            "source",
            sa.Text(),
            server_default="ib",
            nullable=False,
        ),
    )
    op.add_column(
        "underlying_securities",
        sa.Column("calendar", sa.Text(), server_default="XNYS", nullable=False),
    )
    op.create_table(
        "earlier_source_ids",
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "since", "source_id", name=op.f("pk_earlier_source_ids")),
    )


def _forget_instruments() -> None:
    op.execute("DROP VIEW IF EXISTS instruments")
    op.execute("DROP VIEW IF EXISTS option_contracts")
    op.drop_table("earlier_source_ids")
    op.drop_column("underlying_securities", "calendar")
    op.drop_column("underlying_securities", "source")


def _key_by_instrument() -> None:
    """Let one number name the instrument of a series, a contract's id or minus the underlying's, and each its data set.

    What there is about contracts is of the bars of 5 minutes of options (1), the rest of those of underlyings (2).
    """
    _drop_views()
    for table in (*SERIES_KEYS, "bar_revisions"):
        if table == "bar_revisions":
            op.add_column(table, _data_set(server_default=sa.text("1")))
        op.add_column(table, _instrument_id(nullable=True))
        _set(
            table,
            instrument_id="coalesce(contract_id, -underlying_id)",
            data_set="CASE WHEN contract_id IS NULL THEN 2 ELSE 1 END",
        )
        op.alter_column(table, "instrument_id", nullable=False)
        op.alter_column(table, "data_set", server_default=None)
        # Keys, checks and foreign keys go with the columns.
        for name in ("contract_id", "underlying_id"):
            op.drop_column(table, name)
        _show_instrument(table)
    op.create_index(op.f("ix_bar_revisions_instrument_id_time"), "bar_revisions", ["instrument_id", "time"])
    _create_keys()
    _tell_data_sets_of_requests("2")
    op.alter_column("requests", "data_set", server_default=None)
    _create_data_sets()


def _key_by_table() -> None:
    """Name contracts and underlyings each in a column of its own again; all bars are of 5 minutes."""
    _drop_views()
    # What is said of other bars goes with them: without its data set it would be about those of 5 minutes.
    _lift_limit()
    for table in (*SERIES_KEYS, "bar_revisions", "requests"):
        op.execute(sa.delete(sa.table(table, sa.column("data_set"))).where(sa.text("data_set > 2")))
    for name in ("underlying_selections", "data_sets"):
        op.drop_table(name)
    for table in (*SERIES_KEYS, "bar_revisions"):
        for name in ("contract_id", "underlying_id"):
            op.drop_column(table, name)
            op.add_column(table, sa.Column(name, sa.Integer()))
        _set(table, **INSTRUMENTS, data_set="1")
        op.drop_column(table, "instrument_id")
        op.create_check_constraint(
            op.f(f"ck_{table}_one_instrument"), table, "num_nonnulls(contract_id, underlying_id) = 1"
        )
    op.drop_column("bar_revisions", "data_set")
    op.create_index(op.f("ix_bar_revisions_contract_id_time"), "bar_revisions", ["contract_id", "time"])
    for table in SERIES_KEYS:
        _refer_to_instruments(table)
        _create_keys_by_table(table)
    _tell_data_sets_of_requests("1")
    for table in (*SERIES_KEYS, "requests"):
        op.alter_column(table, "data_set", server_default=sa.text("1"))


def _drop_views() -> None:
    """Drop the views of db.schema.features that stand on the columns; it makes them again."""
    for view in ("open_gaps", "session_quality", "selections", "option_bars"):
        op.execute(f"DROP VIEW IF EXISTS {view}")


def _data_set(server_default: sa.TextClause | None = None) -> "sa.Column[int]":
    return sa.Column("data_set", sa.SmallInteger(), server_default=server_default, nullable=False)


def _instrument_id(*, nullable: bool) -> "sa.Column[int]":
    return sa.Column("instrument_id", sa.Integer(), nullable=nullable)


def _show_instrument(table: str) -> None:
    """Let readers go on finding contracts and underlyings under the names that they know."""
    for name, value in INSTRUMENTS.items():
        op.add_column(table, sa.Column(name, sa.Integer(), sa.Computed(value, persisted=True)))
    if table in SERIES_KEYS:
        _refer_to_instruments(table)


def _refer_to_instruments(table: str) -> None:
    for name, other in (("contract_id", "option_chains"), ("underlying_id", "underlying_securities")):
        op.create_foreign_key(op.f(f"fk_{table}_{name}"), table, other, [name], ["id"])


def _create_keys() -> None:
    for table, rest in SERIES_KEYS.items():
        columns = ["instrument_id", "data_set", "what_to_show", *([rest] if rest else [])]
        if table in OPEN_ONLY:
            where = sa.text(OPEN_ONLY[table])
            op.create_index(f"uq_{table}_open", table, columns, unique=True, postgresql_where=where)
        elif table == "quarantined_bars":
            op.create_unique_constraint(op.f(f"uq_{table}_{'_'.join(columns)}"), table, columns)
        else:
            op.create_primary_key(op.f(f"pk_{table}"), table, columns)


def _create_keys_by_table(table: str) -> None:
    rest, condition = SERIES_KEYS[table], OPEN_ONLY.get(table)
    for name in ("contract_id", "underlying_id"):
        columns, short = [name, "data_set", "what_to_show", *([rest] if rest else [])], name.removesuffix("_id")
        if table == "request_coverage":
            op.create_unique_constraint(op.f(f"uq_{table}_{'_'.join(columns)}"), table, columns)
        elif table == "negative_claims":
            op.create_unique_constraint(f"uq_{table}_{short}", table, columns)
        else:
            known = f"{name} IS NOT NULL"
            where = sa.text(f"{condition} AND {known}" if condition else known)
            index = f"uq_{table}_open_{short}" if condition else f"uq_{table}_{short}"
            op.create_index(index, table, columns, unique=True, postgresql_where=where)


def _tell_data_sets_of_requests(data_set: str) -> None:
    _lift_limit()
    _set("requests", "instrument_id < 0", data_set=data_set)


def _lift_limit() -> None:
    """Let a statement change any number of compressed rows, which TimescaleDB would refuse."""
    op.execute("SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0")


def _set(table: str, where: str = "true", **values: str) -> None:
    columns = {name: sa.text(value) for name, value in values.items()}
    op.execute(sa.update(sa.table(table, *map(sa.column, columns))).values(columns).where(sa.text(where)))


def _create_data_sets() -> None:
    op.create_table(
        "data_sets",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("bar_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_sets")),
        sa.UniqueConstraint("name", name=op.f("uq_data_sets_name")),
    )
    # What there is already is about these two.
    op.execute(
        "INSERT INTO data_sets (id, name, instrument_kind, bar_seconds)"
        " VALUES (1, 'option_bars_5min', 'option', 300), (2, 'underlying_bars_5min', 'underlying', 300)"
    )
    op.create_table(
        "underlying_selections",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        _data_set(),
        sa.Column(
            "selected",
            postgresql.DATEMULTIRANGE(),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_underlying_selections_underlying_id")
        ),
        sa.PrimaryKeyConstraint("underlying_id", "data_set", name=op.f("pk_underlying_selections")),
    )
    # What was expected of an underlying until now: bars on every session on which one of its contracts was selected.
    op.execute(
        """
        INSERT INTO underlying_selections (underlying_id, data_set, selected)
        SELECT chain.underlying_id, 2, range_agg(days)
        FROM option_chains AS chain
        INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
        CROSS JOIN unnest(life.selected) AS days
        GROUP BY chain.underlying_id
        """
    )
