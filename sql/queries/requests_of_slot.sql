-- The requests of all series of an instrument whose span holds a slot, with the runs that asked; the first sent first.
-- $1 instrument_key integer: an underlying's id is below zero
-- $2 data_set_id smallint
-- $3 slot timestamptz: its start
SELECT
    request.sent_at,
    request.answered_at,
    request.run_id,
    run.run_type AS run_window,
    run.run_date,
    run.attempt AS run_attempt,
    request.login,
    request.what_to_show,
    request.span,
    request.outcome,
    request.code,
    request.message,
    request.bars,
    request.first_bar,
    request.checksum,
    coalesce(request.negatives @> $3::timestamptz, false) AS is_negative,
    coalesce(request.controlled, false) AS controlled
FROM requests AS request
LEFT JOIN intraday_collection_runs AS run ON run.id = request.run_id
-- What holds a slot was sent after it had begun.
WHERE request.sent_at >= $3::timestamptz
    AND request.instrument_id = $1::integer
    AND request.data_set = $2::smallint
    AND request.span @> $3::timestamptz
ORDER BY request.sent_at, request.answered_at
