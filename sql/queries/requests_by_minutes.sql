-- Requests of some runs by when they were sent, in steps: how many, how many failed, how long they took.
-- $1 run_ids integer[]
-- $2 span_start timestamptz: of all of them
-- $3 span_end timestamptz
-- $4 step interval
SELECT
    date_bin($4::interval, sent_at, '2000-01-01T00:00:00Z'::timestamptz) AS at,
    count(*) AS requests,
    count(*) FILTER (WHERE outcome NOT IN ('bars', 'no_data')) AS failed,
    count(*) FILTER (WHERE outcome = 'pacing') AS pacing,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(EPOCH FROM answered_at - sent_at)) AS median_s,
    max(extract(EPOCH FROM answered_at - sent_at))::double precision AS longest_s
FROM requests
WHERE sent_at >= $2::timestamptz
    AND sent_at < $3::timestamptz
    AND run_id = ANY($1::integer[])
GROUP BY at
ORDER BY at
