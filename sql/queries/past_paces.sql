-- Requests sent and seconds taken by the latest runs that ended well and sent any, the last one first.
-- $1 count integer: how many
SELECT
    (progress ->> 'attempts')::integer AS requests,
    duration_seconds AS seconds
FROM intraday_collection_runs
WHERE status IN ('success', 'partial')
    AND duration_seconds > 0
    AND (progress ->> 'attempts')::integer > 0
ORDER BY id DESC
LIMIT $1::integer
