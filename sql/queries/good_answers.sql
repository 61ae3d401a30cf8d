-- Answers with bars, each with the start of its first bar.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose answers, its contracts' included
-- $3 since timestamptz: not sent before
SELECT request.what_to_show, request.run_id, request.answered_at, request.first_bar
FROM requests AS request
WHERE request.data_set = $1::smallint
    AND request.sent_at >= $3::timestamptz
    AND request.bars > 0
    AND request.instrument_id IN (
        SELECT id FROM option_chains WHERE underlying_id = $2::integer
        UNION ALL
        SELECT -$2::integer
    )
ORDER BY request.answered_at
