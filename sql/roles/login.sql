-- Put together what makes a login for the service, or gives the one of that name this password and the role.
-- $1 name text
-- $2 password text
SELECT
    format(
        CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text)
            THEN 'ALTER ROLE %I LOGIN PASSWORD %L'
            ELSE 'CREATE ROLE %I LOGIN PASSWORD %L'
        END,
        $1::text, $2::text
    ) AS login,
    format('GRANT collector_rw TO %I', $1::text) AS role
