-- How many requests were sent before an instant.
-- $1 border timestamptz
SELECT count(*) AS requests
FROM requests
WHERE sent_at < $1::timestamptz
