-- What a backup says about the database that it was taken of.
SELECT
    (SELECT version_num FROM alembic_version) AS revision,
    current_database()::text AS database
