-- Where the raw option bars that are still there begin: the first instant of their oldest chunk, NULL without any.
SELECT min(range_start) AS start
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = 'option_bars_5min'
