"""PostgreSQL and TimescaleDB.

The only package that names asyncpg, SQLAlchemy and alembic.
"""
