"""What the descriptions of tables have in common: the metadata that they join, and their column types."""

from sqlalchemy import DateTime, MetaData, Numeric, text

METADATA = MetaData(
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
