-- Add TimescaleDB to this database; the server has loaded its library already.
CREATE EXTENSION IF NOT EXISTS timescaledb
