"""Archive: what changed by session, which objects hold it, and what Greeks were computed from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CARRY = ("rate", "dividend_yield", "error")
"""Numbers of an expiration that were rounded to six digits before."""

# A year of bars is not read for it: on each day contracts are looked up by the key until one has a bar, those that had
# expired not at all. Bounds are literal, so that other chunks stay shut.
SEED_OPTIONS = """
DO $$
DECLARE
    day date;
    latest date;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        -- Of a hypertable the first and the last chunk tell.
        SELECT (SELECT time FROM store.option_bars_5min ORDER BY time LIMIT 1) AT TIME ZONE 'UTC',
            (SELECT time FROM store.option_bars_5min ORDER BY time DESC LIMIT 1) AT TIME ZONE 'UTC'
        INTO day, latest;
    ELSE
        SELECT min(bar.earliest) AT TIME ZONE 'UTC', max(bar.latest) AT TIME ZONE 'UTC'
        INTO day, latest
        FROM option_chains AS contract
        CROSS JOIN LATERAL (
            SELECT min(time) AS earliest, max(time) AS latest
            FROM store.option_bars_5min
            WHERE contract_id = contract.id
        ) AS bar;
    END IF;
    WHILE day <= latest LOOP
        EXECUTE format(
            $seed$
            INSERT INTO session_changes (underlying_id, data_set, session_date)
            SELECT underlying.id, 1, %1$L
            FROM underlying_securities AS underlying
            CROSS JOIN LATERAL (
                SELECT
                FROM option_chains AS contract
                CROSS JOIN LATERAL (
                    SELECT
                    FROM store.option_bars_5min
                    WHERE contract_id = contract.id AND time >= %2$L AND time < %3$L
                    LIMIT 1
                ) AS bar
                WHERE contract.underlying_id = underlying.id AND contract.expiration_date >= %4$L
                LIMIT 1
            ) AS found
            $seed$,
            day, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC', day - 1
        );
        day := day + 1;
    END LOOP;
END
$$
"""
SEED_UNDERLYINGS = """
DO $$
DECLARE
    kind record;
BEGIN
    -- Tables of later sizes are made by db.schema.features, after the revisions.
    FOR kind IN
        SELECT id, to_regclass('store.' || name) AS bars
        FROM unnest(ARRAY[2, 3, 4], '{underlying_bars_5min,underlying_bars_1day,underlying_bars_1min}'::text[])
            AS one (id, name)
        WHERE to_regclass('store.' || name) IS NOT NULL
    LOOP
        EXECUTE format(
            'INSERT INTO session_changes (underlying_id, data_set, session_date)'
            ' SELECT DISTINCT bar.underlying_id, %s, (bar.time AT TIME ZONE ''UTC'')::date'
            ' FROM %s AS bar INNER JOIN underlying_securities AS own ON own.id = bar.underlying_id',
            kind.id, kind.bars
        );
    END LOOP;
END
$$
"""


def upgrade() -> None:
    """Make what the archive and the accounts of values stand on: each function one subject with its rows."""
    _count_changes()
    _record_objects()
    _keep_inputs()


def downgrade() -> None:
    """Take it away again in reverse order."""
    _forget_inputs()
    _forget_objects()
    _forget_changes()


def _count_changes() -> None:
    """Count the changes of each session's bars: one for those that there are, which no archive holds yet."""
    op.create_table(
        "session_changes",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("data_set", sa.SmallInteger(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("change", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_session_changes_underlying_id")
        ),
        sa.PrimaryKeyConstraint("underlying_id", "data_set", "session_date", name=op.f("pk_session_changes")),
    )
    op.execute(SEED_OPTIONS)
    op.execute(SEED_UNDERLYINGS)


def _forget_changes() -> None:
    op.drop_table("session_changes")


def _record_objects() -> None:
    """Record the archive's objects, and which sessions each holds."""
    op.create_table(
        "archive_objects",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("underlying_id", sa.Integer()),
        sa.Column("data_set", sa.SmallInteger()),
        sa.Column("first_session", sa.Date()),
        sa.Column("last_session", sa.Date()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("format", sa.SmallInteger(), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("verified_at", INSTANT),
        sa.Column("leftovers", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_archive_objects_underlying_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_objects")),
        sa.UniqueConstraint("place", "path", name=op.f("uq_archive_objects_place_path")),
    )
    op.create_table(
        "archived_sessions",
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("data_set", sa.SmallInteger(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"], ["archive_objects.id"], name=op.f("fk_archived_sessions_object_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "object_id", "underlying_id", "data_set", "session_date", name=op.f("pk_archived_sessions")
        ),
    )
    op.create_index(
        op.f("ix_archived_sessions_underlying_id_data_set_session_date"),
        "archived_sessions",
        ["underlying_id", "data_set", "session_date"],
    )


def _forget_objects() -> None:
    op.drop_table("archived_sessions")
    op.drop_table("archive_objects")


def _keep_inputs() -> None:
    """Keep what Greeks were computed from to the last digit, and what each answer brought as a checksum."""
    for column in CARRY:
        op.alter_column("expiration_carry", column, type_=sa.Double(), existing_nullable=False)
    op.add_column("expiration_carry", sa.Column("expires_at", INSTANT))
    op.add_column("expiration_carry", sa.Column("first_slot", INSTANT))
    op.add_column("expiration_carry", sa.Column("spots", postgresql.ARRAY(sa.BigInteger())))
    op.add_column("expiration_carry", sa.Column("dividends", postgresql.JSONB()))
    op.add_column("requests", sa.Column("checksum", sa.Integer()))


def _forget_inputs() -> None:
    op.drop_column("requests", "checksum")
    op.execute("DROP VIEW IF EXISTS greeks_inputs")
    for column in ("dividends", "spots", "first_slot", "expires_at"):
        op.drop_column("expiration_carry", column)
    for column in CARRY:
        op.alter_column("expiration_carry", column, type_=sa.Numeric(8, 6), existing_nullable=False)
