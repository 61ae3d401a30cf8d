-- What each run asked for of a session of an underlying's contracts and of its own bars, by outcome.
-- $1 underlying_id integer
-- $2 session_open timestamptz
-- $3 session_close timestamptz
SELECT
    request.run_id,
    run.run_type AS run_window,
    run.run_date,
    run.attempt AS run_attempt,
    request.login,
    request.outcome,
    count(*) AS requests,
    sum(request.bars) AS bars,
    min(request.sent_at) AS first_sent_at,
    max(request.sent_at) AS last_sent_at
FROM requests AS request
LEFT JOIN intraday_collection_runs AS run ON run.id = request.run_id
WHERE request.sent_at >= $2::timestamptz
    AND request.span && tstzrange($2::timestamptz, $3::timestamptz)
    AND (
        request.instrument_id = -$1::integer
        OR request.instrument_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
    )
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY min(request.sent_at), request.outcome
