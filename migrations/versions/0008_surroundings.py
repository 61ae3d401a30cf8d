"""Surroundings: terms by date, dividends, closures, the lock's own key and acts of people on record."""

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


def _keep_terms() -> None:
    """Keep what a contract's terms were before they changed."""


def _suspect_closures() -> None:
    """Remember on which days an exchange seemed to be closed."""


def _record_dividends() -> None:
    """Record the dividends that IB told of, each with the day on which it did."""


def _draw_lock_key() -> None:
    """Draw the key of the collection lock for this database."""


def _record_operator_actions() -> None:
    """Record what people did by hand: append-only."""
