"""Surroundings: terms by date, dividends, closures, the lock's own key and acts of people on record."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
PRICE = sa.Numeric(14, 4)
# An act is written when it begins, and may be ended once: nothing else of it can change, whoever asks.
KEEP_ACTIONS = """
CREATE FUNCTION keep_operator_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.outcome IS NULL
            AND (NEW.id, NEW.began_at, NEW.os_user, NEW.host, NEW.database_role, NEW.command, NEW.reason)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.began_at, OLD.os_user, OLD.host, OLD.database_role, OLD.command, OLD.reason)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'operator_actions keeps what was done: rows are added, and ended once'
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$
"""
DRAWN = "3 + floor(random() * 2147483645)::integer"
"""1 is the key of earlier versions, 2 that of upgrades."""

# What a new table of the store gives to everybody who reads would let every reader stop the collecting.
LET_COLLECTORS_LOCK = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'collector_ro') THEN
        REVOKE ALL ON store.collection_lock FROM collector_ro;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'collector_rw') THEN
        GRANT SELECT, UPDATE ON store.collection_lock TO collector_rw;
    END IF;
END
$$
"""


def upgrade() -> None:
    """Make what surrounds the bars: each function one table or column with its rows."""
    _keep_terms()
    _suspect_closures()
    _record_dividends()
    _draw_lock_key()
    _record_operator_actions()


def downgrade() -> None:
    """Take it away again in reverse order."""
    _drop_operator_actions()
    _forget_lock_key()
    _forget_dividends()
    _forget_closures()
    _forget_terms()


def _keep_terms() -> None:
    """Keep what a contract's terms were before they changed."""
    op.create_table(
        "earlier_contract_terms",
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("contract_symbol", sa.Text(), nullable=False),
        sa.Column("expiration_date", sa.Date(), nullable=False),
        sa.Column("strike_price", PRICE, nullable=False),
        sa.Column("option_type", sa.Text(), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("trading_class", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["option_chains.id"], name=op.f("fk_earlier_contract_terms_contract_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "until", name=op.f("pk_earlier_contract_terms")),
    )


def _forget_terms() -> None:
    # The upgrade makes the views of the revision that it goes to.
    op.execute("DROP VIEW IF EXISTS option_bars")
    op.execute("DROP VIEW IF EXISTS contract_terms")
    op.drop_table("earlier_contract_terms")


def _suspect_closures() -> None:
    """Remember on which days an exchange seemed to be closed."""
    op.create_table(
        "suspected_closures",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("symbols", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("first_sent_at", INSTANT, nullable=False),
        sa.Column("last_sent_at", INSTANT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("session_date", name=op.f("pk_suspected_closures")),
    )


def _forget_closures() -> None:
    op.drop_table("suspected_closures")


def _record_dividends() -> None:
    """Record the dividends that IB told of, each with the day on which it did."""
    op.create_table(
        "announced_dividends",
        sa.Column("underlying_id", sa.Integer(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.Column("ex_date", sa.Date()),
        sa.Column("amount", sa.Numeric(14, 6)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(ex_date IS NULL) = (amount IS NULL)", name=op.f("ck_announced_dividends_date_and_amount")),
        sa.ForeignKeyConstraint(
            ["underlying_id"], ["underlying_securities.id"], name=op.f("fk_announced_dividends_underlying_id")
        ),
        sa.PrimaryKeyConstraint("underlying_id", "told_on", name=op.f("pk_announced_dividends")),
    )
    op.add_column("expiration_carry", sa.Column("dividend_source", sa.Text()))
    op.add_column("expiration_carry", sa.Column("cash_dividends", sa.Numeric(14, 6)))


def _forget_dividends() -> None:
    op.drop_column("expiration_carry", "cash_dividends")
    op.drop_column("expiration_carry", "dividend_source")
    op.drop_table("announced_dividends")


def _draw_lock_key() -> None:
    """Draw the key of the collection lock for this database, for those who collect and nobody else."""
    op.create_table(
        "collection_lock",
        sa.Column("one", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("key", sa.Integer, nullable=False, server_default=sa.text(DRAWN)),
        sa.PrimaryKeyConstraint("one", name="pk_collection_lock"),
        sa.CheckConstraint("one", name="one"),
        schema="store",
    )
    op.execute("INSERT INTO store.collection_lock DEFAULT VALUES")
    op.execute(LET_COLLECTORS_LOCK)


def _forget_lock_key() -> None:
    op.drop_table("collection_lock", schema="store")


def _record_operator_actions() -> None:
    """Record what people did by hand: append-only."""
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("os_user", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("database_role", sa.Text(), server_default=sa.text("SESSION_USER"), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.CheckConstraint("outcome IN ('ok', 'failed', 'interrupted')", name=op.f("ck_operator_actions_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_actions")),
    )
    op.execute(KEEP_ACTIONS)
    op.execute(
        "CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON operator_actions"
        " FOR EACH ROW EXECUTE FUNCTION keep_operator_actions()"
    )
    op.execute("CREATE TRIGGER keep_all BEFORE TRUNCATE ON operator_actions EXECUTE FUNCTION keep_operator_actions()")


def _drop_operator_actions() -> None:
    op.drop_table("operator_actions")
    op.execute("DROP FUNCTION keep_operator_actions")
