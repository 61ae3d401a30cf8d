-- Gaps of instruments in a span, whatever has become of them; the earliest first.
-- $1 instrument_ids integer[]: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT
    instrument_id,
    what_to_show,
    state,
    tstzrange(gap_start, gap_end) AS span,
    gap_type,
    detected_at,
    backfilled_at,
    lost_at,
    reason
FROM historical_data_gaps
WHERE instrument_id = ANY($1::integer[])
    AND data_set = $2::smallint
    AND gap_start < $4::timestamptz
    AND gap_end > $3::timestamptz
ORDER BY instrument_id, what_to_show, gap_start, detected_at
