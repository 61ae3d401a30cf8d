-- Who else holds the collection lock, under whichever key; what a login holds that may not write the key is no such lock.
SELECT
    activity.pid,
    activity.application_name,
    activity.backend_start,
    host(activity.client_addr) AS client_address
FROM pg_locks AS held
INNER JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory'
    AND held.classid = 7310579
    AND held.objid <> 2 -- the lock of upgrades
    AND held.granted
    AND held.pid <> pg_backend_pid()
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND EXISTS (
        SELECT
        FROM pg_roles AS role
        WHERE pg_has_role(activity.usesysid, role.oid, 'MEMBER')
            -- Before there is a key, whoever holds it does.
            AND coalesce(has_table_privilege(role.oid, to_regclass('store.collection_lock'), 'UPDATE'), true)
    )
LIMIT 1
