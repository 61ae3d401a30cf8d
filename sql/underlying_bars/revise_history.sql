-- Keep what has settled of an underlying's bars among the replaced values, before it is read again; count the sessions.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 run_id integer
-- $4 now timestamptz
WITH kept AS (
    INSERT INTO bar_revisions (
        instrument_id, data_set, time, open, high, low, close, volume, bar_count, vwap, {column}, replaced_at, run_id
    )
    SELECT
        -bar.underlying_id, $1::smallint, bar.time, bar.open * 0.0001, (greatest(bar.open, bar.close) + bar.up) * 0.0001,
        (least(bar.open, bar.close) - bar.down) * 0.0001, bar.close * 0.0001, bar.volume * 0.0001, bar.bar_count,
        (bar.close + bar.vwap_off) * 0.0001, bar.{column} * 0.0001, $4::timestamptz, $3::integer
    FROM store.{bars} AS bar
    INNER JOIN request_coverage AS coverage
        ON coverage.instrument_id = -bar.underlying_id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = 'TRADES'
        AND coverage.settled @> bar.time
    WHERE bar.underlying_id = $2::integer AND bar.close IS NOT NULL
    RETURNING time
)
SELECT count(*) AS sessions, min(time) AS first, max(time) AS last FROM kept
