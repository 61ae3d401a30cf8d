-- The days of a span that have chunks of raw option bars, as spans of neighbouring days.
-- $1 start timestamptz: NULL is no bound
-- $2 end timestamptz: NULL is no bound
SELECT
    lower(days) AS start,
    upper(days) AS end
FROM
    unnest((
        SELECT range_agg(tstzrange(range_start, range_end) * tstzrange($1::timestamptz, $2::timestamptz))
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'store' AND hypertable_name = 'option_bars_5min'
    )) AS days
