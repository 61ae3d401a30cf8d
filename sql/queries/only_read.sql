-- Let this session change nothing, and give it the role for readers where there is one that its login may take.
SELECT set_config(name, value, false)
FROM (
    SELECT 'default_transaction_read_only' AS name, 'on' AS value
    UNION ALL
    SELECT 'role', rolname
    FROM pg_roles
    WHERE
        rolname = 'collector_ro'
        AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
) AS ours
