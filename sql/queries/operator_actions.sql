-- Read the latest acts of people.
-- $1 most integer
SELECT id, began_at, ended_at, os_user, host, database_role, command, reason, outcome, message, run_id, origin
FROM operator_actions
ORDER BY id DESC
LIMIT $1::integer
