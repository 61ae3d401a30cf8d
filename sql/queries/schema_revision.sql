-- The revision of the schema, as alembic keeps it.
SELECT version_num FROM alembic_version
