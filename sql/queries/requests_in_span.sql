-- How often series were asked for in a span, and how the last request ended.
-- $1 instrument_ids integer[]: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT DISTINCT ON (instrument_id, what_to_show)
    instrument_id,
    what_to_show,
    count(*) OVER (PARTITION BY instrument_id, what_to_show) AS asked,
    sent_at,
    outcome,
    code,
    message
FROM requests
-- What holds a slot was sent after it had begun.
WHERE sent_at >= $3::timestamptz
    AND instrument_id = ANY($1::integer[])
    AND data_set = $2::smallint
    AND span && tstzrange($3::timestamptz, $4::timestamptz)
ORDER BY instrument_id, what_to_show, sent_at DESC
