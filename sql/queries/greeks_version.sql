-- The version of a set of parameters, a new one if they were never used.
-- $1 parameters jsonb
-- $2 now timestamptz
WITH known AS (
    SELECT version
    FROM greeks_parameters
    WHERE parameters = $1::jsonb
),
added AS (
    INSERT INTO greeks_parameters (version, parameters, created_at)
    SELECT (SELECT coalesce(max(version), 0) + 1 FROM greeks_parameters), $1::jsonb, $2::timestamptz
    WHERE NOT EXISTS (SELECT FROM known)
    RETURNING version
)
SELECT version FROM known
UNION ALL
SELECT version FROM added
