-- Forget the statistics of days that were no sessions.
-- $1 days date[]
DELETE FROM collection_statistics
WHERE collection_date = ANY($1::date[])
