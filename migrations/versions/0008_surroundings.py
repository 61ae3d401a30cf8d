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


def upgrade() -> None:
    """Make what surrounds the bars: each function one table or column with its rows."""
    _keep_terms()
    _suspect_closures()
    _record_dividends()
    _draw_lock_key()
    _record_operator_actions()


def downgrade() -> None:
    """Take it away again in reverse order."""
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


def _draw_lock_key() -> None:
    """Draw the key of the collection lock for this database."""


def _record_operator_actions() -> None:
    """Record what people did by hand: append-only."""
