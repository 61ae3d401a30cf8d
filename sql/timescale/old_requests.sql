-- How many requests were sent before $1.
SELECT count(*) AS requests
FROM requests
WHERE sent_at < $1::timestamptz
