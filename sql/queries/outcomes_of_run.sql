-- What a run's requests came to, by kind of bars, series and outcome; what was asked most first.
-- $1 run_id integer
-- $2 since timestamptz: sent at this instant or later
-- $3 until timestamptz: sent before
SELECT
    kind.name AS data_set,
    request.what_to_show,
    request.outcome,
    count(*) AS requests,
    sum(request.bars)::bigint AS bars,
    extract(EPOCH FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY request.answered_at - request.sent_at))::float8
        AS median_s,
    extract(EPOCH FROM max(request.answered_at - request.sent_at))::float8 AS longest_s
FROM requests AS request
INNER JOIN data_sets AS kind ON kind.id = request.data_set
WHERE request.run_id = $1::integer
    AND request.sent_at >= $2::timestamptz
    AND request.sent_at < $3::timestamptz
GROUP BY 1, 2, 3
ORDER BY 4 DESC, 1, 2, 3
