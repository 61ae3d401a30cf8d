-- Delete the requests that were sent before $1, where there are no chunks to drop.
DELETE FROM requests
WHERE sent_at < $1::timestamptz
