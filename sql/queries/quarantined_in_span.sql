-- Bars of instruments in a span that cannot be true, as they came.
-- $1 instrument_ids integer[]: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT
    instrument_id,
    what_to_show,
    time,
    reason,
    open,
    high,
    low,
    close,
    volume,
    run_id,
    quarantined_at,
    seen
FROM quarantined_bars
WHERE instrument_id = ANY($1::integer[])
    AND data_set = $2::smallint
    AND time >= $3::timestamptz
    AND time < $4::timestamptz
ORDER BY instrument_id, what_to_show, time
