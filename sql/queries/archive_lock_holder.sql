-- Who else holds the lock of the archive's pass.
SELECT
    activity.pid,
    activity.application_name,
    activity.backend_start
FROM pg_locks AS held
INNER JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory'
    AND held.classid = 7310580
    AND held.granted
    AND held.pid <> pg_backend_pid()
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LIMIT 1
