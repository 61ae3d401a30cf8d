-- Requests by kind and outcome, and by how long they took: below how many of the bounds; NULL where no answer came.
-- $1 since timestamptz: requests sent at this instant or later
-- $2 until timestamptz: and before this one
-- $3 bounds double precision[]: ascending, seconds
SELECT
    request.data_set,
    request.what_to_show,
    request.outcome,
    width_bucket(extract(EPOCH FROM request.answered_at - request.sent_at)::double precision, $3::double precision[])
        AS bucket,
    count(*) AS requests,
    coalesce(sum(extract(EPOCH FROM request.answered_at - request.sent_at)), 0)::double precision AS seconds
FROM requests AS request
WHERE request.sent_at >= $1::timestamptz AND request.sent_at < $2::timestamptz
GROUP BY request.data_set, request.what_to_show, request.outcome, bucket
ORDER BY request.data_set, request.what_to_show, request.outcome, bucket
