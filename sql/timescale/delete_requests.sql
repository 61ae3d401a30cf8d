-- Delete the requests that were sent before an instant, where there are no chunks to drop.
-- $1 border timestamptz
DELETE FROM requests
WHERE sent_at < $1::timestamptz
