"""Surroundings: terms by date, dividends, closures, the lock's own key and acts of people on record."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make what surrounds the bars: each function one table or column with its rows."""
    _keep_terms()
    _suspect_closures()
    _record_dividends()
    _draw_lock_key()
    _record_operator_actions()


def downgrade() -> None:
    """Take it away again in reverse order."""
    _forget_dividends()


def _keep_terms() -> None:
    """Keep what a contract's terms were before they changed."""


def _suspect_closures() -> None:
    """Remember on which days an exchange seemed to be closed."""


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
    """Draw the key of the collection lock for this database."""


def _record_operator_actions() -> None:
    """Record what people did by hand: append-only."""
