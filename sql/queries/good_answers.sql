-- Answers with bars, each with the start of its first bar.
-- $1 underlying_id integer: whose answers, its contracts' included
-- $2 since timestamptz: not sent before
SELECT request.instrument_id > 0 AS of_option, request.what_to_show, request.run_id, request.answered_at, request.first_bar
FROM requests AS request
WHERE request.sent_at >= $2::timestamptz
    AND request.bars > 0
    AND request.instrument_id IN (
        SELECT id FROM option_chains WHERE underlying_id = $1::integer
        UNION ALL
        SELECT -$1::integer
    )
ORDER BY request.answered_at
