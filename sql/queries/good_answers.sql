-- Answers with bars: $1 underlying id, $2 not sent before. "since" is the start of their first bar.
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
