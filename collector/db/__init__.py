"""PostgreSQL and TimescaleDB: the only package that names asyncpg, SQLAlchemy and alembic."""
