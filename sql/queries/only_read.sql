-- Let this session change nothing, and give it the role for readers where its login may take it and it may read here.
SELECT set_config(name, value, false)
FROM (
    SELECT 'default_transaction_read_only' AS name, 'on' AS value
    UNION ALL
    SELECT 'role', rolname
    FROM pg_roles
    WHERE
        rolname = 'collector_ro'
        AND pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
        -- Roles are the whole server's: one that was made for another database reads nothing in this one.
        AND has_table_privilege(oid, to_regclass('public.operator_actions'), 'SELECT')
        AND has_schema_privilege(oid, to_regnamespace('store')::oid, 'USAGE')
) AS ours
