"""Evidence: open, high and low of quotes, negatives on their way to be settled, requests on record, data sets.

Claims of emptiness stood on answers that nobody had controlled. They are dropped, and sessions of living contracts that
were called wholly empty within IB's memory are asked for again; of expired contracts they stay, as single-witness.
Spans that were settled until now reach to the next session's open, since SQL knows no calendar: a superset that holds
every slot that was asked for. New ones end at the close.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PRICE = sa.Numeric(14, 4)
QUOTE_COLUMNS = ("bid_open", "bid_high", "bid_low", "ask_open", "ask_high", "ask_low")
KEYED = ("request_coverage", "historical_data_gaps", "dead_letters", "quarantined_bars")
UNIQUE_INDEXES = (
    ("historical_data_gaps", "open_contract", "contract_id", ("gap_start",), "state = 'open'"),
    ("historical_data_gaps", "open_underlying", "underlying_id", ("gap_start",), "state = 'open'"),
    ("dead_letters", "open_contract", "contract_id", ("span",), "resolved_at IS NULL"),
    ("dead_letters", "open_underlying", "underlying_id", ("span",), "resolved_at IS NULL"),
    ("quarantined_bars", "contract", "contract_id", ("time",), ""),
    ("quarantined_bars", "underlying", "underlying_id", ("time",), ""),
)
"""Table, end of the index' name, instrument, what follows the series in the key, condition."""

DROP_CLAIMS = """
UPDATE request_coverage
SET covered = covered - (SELECT range_agg(claim) FROM unnest(claimed) AS claim)
WHERE claimed <> '{}'
"""
EMPTY_DAYS = """
CREATE TEMPORARY TABLE empty_days ON COMMIT DROP AS
WITH session AS (
    -- A day on which the underlying has bars, by New York's calendar.
    SELECT
        underlying_id,
        (time AT TIME ZONE 'America/New_York')::date AS day
    FROM underlying_bars_5min
    WHERE close IS NOT NULL AND time >= now() - INTERVAL '90 days'
    GROUP BY 1, 2
),
hours AS (
    SELECT
        underlying_id,
        day,
        tstzrange(
            day::timestamp AT TIME ZONE 'America/New_York', (day + 1)::timestamp AT TIME ZONE 'America/New_York'
        ) AS hours
    FROM session
),
barred AS (
    SELECT DISTINCT
        contract_id,
        (time AT TIME ZONE 'America/New_York')::date AS day
    FROM option_bars_5min
    WHERE time >= now() - INTERVAL '91 days'
)
SELECT
    chain.id AS contract_id,
    hours.hours,
    chain.expiration_date >= (now() AT TIME ZONE 'America/New_York')::date AS living
FROM option_chains AS chain
INNER JOIN hours ON hours.underlying_id = chain.underlying_id AND hours.day <= chain.expiration_date
WHERE NOT EXISTS (SELECT FROM barred WHERE barred.contract_id = chain.id AND barred.day = hours.day)
    AND EXISTS (SELECT FROM request_coverage AS c WHERE c.contract_id = chain.id AND c.settled && hours.hours)
    -- Older days without any bar may have been dropped with their bars; younger ones never are.
    AND hours.day >= least(
        (now() - INTERVAL '45 days')::date,
        (SELECT min(time)::date FROM option_bars_5min WHERE time >= now() - INTERVAL '91 days')
    )
"""
DOUBTED = """
CREATE TEMPORARY TABLE doubted ON COMMIT DROP AS
SELECT series.contract_id, series.what_to_show, empty.living, range_agg(empty.hours) AS spans, count(*) AS sessions
FROM request_coverage AS series
INNER JOIN empty_days AS empty
    ON empty.contract_id = series.contract_id
    AND series.settled && empty.hours
    AND lower(empty.hours) >= now() - CASE series.what_to_show WHEN 'TRADES' THEN 90 ELSE 45 END * INTERVAL '1 day'
GROUP BY series.contract_id, series.what_to_show, empty.living
"""
ASK_AGAIN = """
UPDATE request_coverage AS series
SET covered = series.covered - doubted.spans, settled = series.settled - doubted.spans
FROM doubted
WHERE doubted.living AND doubted.contract_id = series.contract_id AND doubted.what_to_show = series.what_to_show
"""
SINGLE_WITNESS = """
UPDATE request_coverage AS series
SET single_witness = series.settled * doubted.spans
FROM doubted
WHERE NOT doubted.living AND doubted.contract_id = series.contract_id AND doubted.what_to_show = series.what_to_show
"""
COUNT = """
SELECT coalesce(sum(sessions), 0)::bigint AS sessions, count(DISTINCT contract_id) AS contracts
FROM doubted
WHERE living
"""


def upgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    for table in KEYED:
        op.add_column(table, _data_set())
    _key_by_data_set()
    op.add_column(
        "request_coverage",
        sa.Column(
            "single_witness",
            postgresql.TSTZMULTIRANGE(),
            server_default="{}",
            nullable=False,
            comment="of what is settled: empty by one controlled answer",
        ),
    )
    op.execute(DROP_CLAIMS)
    _doubt_what_is_empty()
    for table in ("option_bars_5min", "bar_revisions"):  # now: nobody reads bars from here until the end
        for name in QUOTE_COLUMNS:
            op.add_column(table, sa.Column(name, PRICE))
    op.drop_column("request_coverage", "claimed")
    op.drop_column("request_coverage", "sent_at")
    op.add_column("historical_data_gaps", sa.Column("reason", sa.Text(), comment="why it is lost, in words"))
    op.add_column(
        "quarantined_bars", sa.Column("sent_at", INSTANT, comment="when the request that brought it was sent")
    )
    op.add_column(
        "quarantined_bars",
        sa.Column(
            "seen", sa.SmallInteger(), server_default=sa.text("1"), nullable=False, comment="in how many answers"
        ),
    )
    op.add_column(
        "option_contract_lifecycle",
        sa.Column("listed_since", sa.Date(), comment="first_seen, or the day of an earlier bar"),
    )
    op.execute("UPDATE option_contract_lifecycle SET listed_since = first_seen")
    op.alter_column("option_contract_lifecycle", "listed_since", nullable=False)
    _create_tables()


def downgrade() -> None:
    for table in ("requests", "session_evidence", "negative_claims"):
        op.drop_table(table)
    op.drop_column("option_contract_lifecycle", "listed_since")
    for column in ("seen", "sent_at"):
        op.drop_column("quarantined_bars", column)
    op.drop_column("historical_data_gaps", "reason")
    op.add_column(
        "request_coverage",
        sa.Column("sent_at", INSTANT, comment="when the latest answered request was sent, by IB's clock"),
    )
    op.add_column(
        "request_coverage",
        sa.Column("claimed", postgresql.ARRAY(postgresql.TSTZRANGE()), server_default="{}", nullable=False),
    )
    op.drop_column("request_coverage", "single_witness")
    _drop_unique_keys()
    for table in KEYED:
        op.drop_column(table, "data_set")
    _create_unique_keys(())
    # A view of db.features stands on the columns; upgrading makes it again.
    op.execute("DROP VIEW IF EXISTS option_bars")
    for table in ("bar_revisions", "option_bars_5min"):
        for name in QUOTE_COLUMNS:
            op.drop_column(table, name)


def _data_set() -> "sa.Column[int]":
    return sa.Column(
        "data_set", sa.SmallInteger(), server_default=sa.text("1"), nullable=False, comment="1: bars of 5 minutes"
    )


def _key_by_data_set() -> None:
    _drop_unique_keys()
    _create_unique_keys(("data_set",))


def _drop_unique_keys() -> None:
    for table, name, *_ in UNIQUE_INDEXES:
        op.drop_index(f"uq_{table}_{name}", table_name=table)
    # By what the server knows: the names hold the columns, which differ on the way up and down.
    op.execute(
        """
        DO $$
        DECLARE
            found text;
        BEGIN
            FOR found IN
                SELECT conname FROM pg_constraint WHERE conrelid = 'request_coverage'::regclass AND contype = 'u'
            LOOP
                EXECUTE format('ALTER TABLE request_coverage DROP CONSTRAINT %I', found);
            END LOOP;
        END
        $$
        """
    )


def _create_unique_keys(data_set: tuple[str, ...]) -> None:
    for table, name, instrument, rest, condition in UNIQUE_INDEXES:
        known = f"{instrument} IS NOT NULL"
        op.create_index(
            f"uq_{table}_{name}",
            table,
            [instrument, *data_set, "what_to_show", *rest],
            unique=True,
            postgresql_where=sa.text(f"{condition} AND {known}" if condition else known),
        )
    for instrument in ("contract_id", "underlying_id"):
        columns = [instrument, *data_set, "what_to_show"]
        op.create_unique_constraint(op.f(f"uq_request_coverage_{'_'.join(columns)}"), "request_coverage", columns)


def _doubt_what_is_empty() -> None:
    """Let what was called wholly empty be asked for again, or be told apart where nobody can answer any more."""
    connection = op.get_bind()
    connection.execute(sa.text(EMPTY_DAYS))
    connection.execute(sa.text("ANALYZE empty_days"))
    for step in (DOUBTED, ASK_AGAIN, SINGLE_WITNESS):
        connection.execute(sa.text(step))
    found = connection.execute(sa.text(COUNT)).one()
    config = op.get_context().config
    if found.sessions and config is not None:
        config.attributes.setdefault("notes", []).append(
            f"{found.sessions} sessions of series of {found.contracts} living contracts were settled without any bar, "
            "on evidence that is not enough any more; the next runs ask for them again"
        )


def _create_tables() -> None:
    op.create_table(
        "negative_claims",
        *_one_instrument("negative_claims"),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False, comment="what was asked for of the session"),
        sa.Column("state", sa.Text(), nullable=False, comment="awaiting a second witness, or held"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it is held, in words"),
        sa.Column("first_sent_at", INSTANT, comment="when the first controlled witness was asked; NULL: none yet"),
        sa.Column("first_run_id", sa.Integer()),
        sa.Column("first_login", sa.Text()),
        sa.Column("last_sent_at", INSTANT, comment="when the latest controlled witness was asked"),
        sa.Column("nights", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("state IN ('awaiting', 'held')", name=op.f("ck_negative_claims_state")),
        sa.UniqueConstraint("contract_id", "data_set", "what_to_show", "span", name="uq_negative_claims_contract"),
        sa.UniqueConstraint("underlying_id", "data_set", "what_to_show", "span", name="uq_negative_claims_underlying"),
    )
    op.create_table(
        "session_evidence",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False, comment="ALL: over all"),
        sa.Column("answered", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="contracts"),
        sa.Column("empty", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="of them, in all series"),
        sa.Column(
            "near", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="contracts near the money"
        ),
        sa.Column("near_without_ask", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("trades_empty", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="contracts"),
        sa.Column("plausible", sa.Boolean(), comment="NULL: not measured"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it is not plausible, in words"),
        sa.Column(
            "found_on",
            postgresql.ARRAY(sa.Date()),
            server_default="{}",
            nullable=False,
            comment="nights that found the same share",
        ),
        sa.Column("accepted_at", INSTANT),
        sa.Column("run_id", sa.Integer()),
        sa.Column("measured_at", INSTANT),
        sa.PrimaryKeyConstraint("session_date", "symbol", name=op.f("pk_session_evidence")),
    )
    op.create_table(
        "requests",
        sa.Column("sent_at", INSTANT, nullable=False, comment="by the source's clock"),
        sa.Column("answered_at", INSTANT, comment="by the source's clock; NULL: never"),
        sa.Column("run_id", sa.Integer()),
        sa.Column("login", sa.Text()),
        sa.Column("instrument_id", sa.Integer(), nullable=False, comment="a contract's id, or minus the underlying's"),
        _data_set(),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.Column("span", postgresql.TSTZRANGE(), nullable=False, comment="what was asked for"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="collector.domain.answers.Outcome"),
        sa.Column("code", sa.Integer(), comment="the source's error code"),
        sa.Column("message", sa.Text(), comment="the source's words; NULL for bars"),
        sa.Column("bars", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_bar", INSTANT),
        sa.Column(
            "negatives",
            postgresql.TSTZMULTIRANGE(),
            comment="what was asked for of sessions without any bar; NULL: none",
        ),
        sa.Column("controlled", sa.Boolean(), comment="whether its negatives may be believed; NULL: not weighed"),
    )
    op.create_index(op.f("ix_requests_sent_at"), "requests", ["sent_at"], postgresql_using="brin")
    op.create_index(op.f("ix_requests_instrument_id_sent_at"), "requests", ["instrument_id", "sent_at"])


def _one_instrument(table: str) -> "tuple[sa.Column[Any] | sa.Constraint, ...]":
    return (
        sa.Column("contract_id", sa.Integer()),
        sa.Column("underlying_id", sa.Integer()),
        _data_set(),
        sa.Column("what_to_show", sa.Text(), nullable=False),
        sa.CheckConstraint("num_nonnulls(contract_id, underlying_id) = 1", name=op.f(f"ck_{table}_one_instrument")),
        sa.ForeignKeyConstraint(["contract_id"], ["option_chains.id"], name=op.f(f"fk_{table}_contract_id")),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f(f"fk_{table}_underlying_id")
        ),
    )
