-- Series that answers called empty in a span, and that are not settled.
-- $1 instrument_ids integer[]: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 span_start timestamptz
-- $4 span_end timestamptz
SELECT
    instrument_id,
    what_to_show,
    span,
    state,
    reason,
    first_sent_at,
    first_run_id,
    first_login,
    last_sent_at
FROM negative_claims
WHERE instrument_id = ANY($1::integer[])
    AND data_set = $2::smallint
    AND span && tstzrange($3::timestamptz, $4::timestamptz)
ORDER BY instrument_id, what_to_show, span
