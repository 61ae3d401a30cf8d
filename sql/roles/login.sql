-- Put together what makes a login for the service, or gives the one of that name the password and the role, and say why
-- a name is refused: whoever may do more than the service, or lends his rights to others, is no login for it.
-- $1 name text
-- $2 password text: as the server keeps it, so that none of its logs has the one that is typed
-- $3 role text: collector_rw for the service, collector_ro for readers
SELECT
    format(
        CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text)
            THEN 'ALTER ROLE %I LOGIN PASSWORD %L'
            ELSE 'CREATE ROLE %I LOGIN PASSWORD %L'
        END,
        $1::text, $2::text
    ) AS login,
    format('GRANT %I TO %I', $3::text, $1::text) AS role,
    CASE
        WHEN octet_length($1::text) NOT BETWEEN 1 AND 63 THEN 'is no name of 1 to 63 bytes'
        WHEN $1::text ~ '^pg_' OR $1::text IN ('public', 'none') THEN 'is reserved by PostgreSQL'
        WHEN $1::text IN ('collector_ro', 'collector_rw') THEN 'is a role that is given to logins'
        WHEN $1::text IN (current_user, session_user) THEN 'is the login that makes others'
        ELSE (
            SELECT
                CASE
                    WHEN EXISTS (
                        SELECT FROM pg_roles AS other
                        WHERE pg_has_role(named.oid, other.oid, 'MEMBER')
                            AND (
                                other.rolsuper OR other.rolcreaterole OR other.rolcreatedb
                                OR other.rolreplication OR other.rolbypassrls
                            )
                    ) THEN 'may administer the server'
                    WHEN EXISTS (SELECT FROM pg_database WHERE pg_has_role(named.oid, datdba, 'MEMBER'))
                        OR EXISTS (
                            SELECT FROM pg_class
                            WHERE relpersistence <> 't' AND pg_has_role(named.oid, relowner, 'MEMBER')
                        ) THEN 'owns tables or a database'
                    WHEN EXISTS (
                        SELECT FROM pg_auth_members AS given INNER JOIN pg_roles AS other ON other.oid = given.member
                        WHERE given.roleid = named.oid AND other.rolname <> current_user
                    ) THEN 'is a role that others are members of'
                    WHEN $3::text = 'collector_ro' AND pg_has_role(named.oid, 'collector_rw', 'MEMBER')
                        THEN 'may change rows already'
                END
            FROM pg_roles AS named
            WHERE rolname = $1::text
        )
    END AS refused
