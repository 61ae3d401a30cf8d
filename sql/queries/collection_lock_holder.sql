-- Who holds the collection lock.
SELECT
    activity.pid,
    activity.application_name,
    activity.backend_start,
    host(activity.client_addr) AS client_address
FROM pg_locks AS held
INNER JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory'
    AND held.classid = 7310579
    AND held.objid = 1
    AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
