-- Whether this connection still holds the collection lock.
SELECT EXISTS (
    SELECT
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 7310579 AND objid = 1 AND granted AND pid = pg_backend_pid()
)
