-- Whether this connection still holds the collection lock, under whichever key.
SELECT EXISTS (
    SELECT
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 7310579 AND objid <> 2 AND granted AND pid = pg_backend_pid()
)
