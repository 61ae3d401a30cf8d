-- An underlying's bars of a span whose TRADES have settled, ten-thousandths of a USD, ascending.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 start timestamptz
-- $4 end timestamptz
SELECT
    bar.time,
    bar.open,
    greatest(bar.open, bar.close) + bar.up AS high,
    least(bar.open, bar.close) - bar.down AS low,
    bar.close
FROM store.{bars} AS bar
INNER JOIN request_coverage AS coverage
    ON coverage.instrument_id = -bar.underlying_id
    AND coverage.data_set = $1::smallint
    AND coverage.what_to_show = 'TRADES'
    AND coverage.settled @> bar.time
WHERE bar.underlying_id = $2::integer
    AND bar.time >= $3::timestamptz
    AND bar.time < $4::timestamptz
    AND bar.close IS NOT NULL
ORDER BY bar.time
