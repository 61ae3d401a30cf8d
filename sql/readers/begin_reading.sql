-- Give a session that only reads its settings.
-- $1 names text[]
-- $2 values text[]
SELECT set_config(name, value, false)
FROM unnest($1::text[], $2::text[]) AS ours (name, value)
