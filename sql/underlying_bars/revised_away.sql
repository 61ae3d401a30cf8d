-- How many bars of an underlying's day stand among those that were replaced, and are stored no more.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 start timestamptz
-- $4 end timestamptz
SELECT count(DISTINCT gone.time) AS bars
FROM bar_revisions AS gone
WHERE gone.instrument_id = -$2::integer
    AND gone.data_set = $1::smallint
    AND gone.time >= $3::timestamptz
    AND gone.time < $4::timestamptz
    AND NOT EXISTS (
        SELECT
        FROM store.{bars} AS bar
        WHERE bar.underlying_id = $2::integer AND bar.time = gone.time
    )
