"""What the descriptions of tables have in common: the metadata that they join, their column types and keys."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.sql.schema import SchemaItem

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


def data_set() -> "Column[int]":
    """Return the column that tells which kind of bars a row is about."""
    return Column("data_set", SmallInteger, nullable=False, server_default=text("1"), comment="1: bars of 5 minutes")


def one_instrument() -> list[SchemaItem]:
    """Return the columns of a row about a series of exactly one option contract or underlying."""
    return [
        Column("contract_id", Integer, ForeignKey("option_chains.id")),
        Column("underlying_id", Integer, ForeignKey("underlying_securities.id")),
        data_set(),
        Column("what_to_show", Text, nullable=False),
        CheckConstraint("num_nonnulls(contract_id, underlying_id) = 1", name="one_instrument"),
    ]
