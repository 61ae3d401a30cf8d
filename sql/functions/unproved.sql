-- Why the bars that some underlyings have on a day of UTC are not what the archive holds of them, "" when they are.
-- Each underlying has an object of the archive and the hash of its bytes, which were just read back. What is found stays
-- so until the transaction ends, provided that nobody can write these bars meanwhile.
CREATE OR REPLACE FUNCTION store.unproved(
    kind smallint, day date, underlyings integer[], objects bigint[], hashes text[]
) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    counted jsonb;
BEGIN
    PERFORM FROM session_changes AS present
    WHERE present.data_set = kind AND present.session_date = day AND present.underlying_id = ANY (underlyings)
    ORDER BY present.underlying_id
    FOR UPDATE;
    PERFORM FROM archive_objects AS stored WHERE stored.id = ANY (objects) ORDER BY stored.id FOR SHARE;
    EXECUTE (
        SELECT
            format(
                'SELECT coalesce(jsonb_object_agg(underlying_id, rows), ''{}'')
                FROM (
                    SELECT underlying_id, count(*) AS rows
                    FROM store.%I AS bar %s
                    WHERE time >= %L AND time < %L AND underlying_id = ANY (%L::integer[])
                    GROUP BY underlying_id
                ) AS own',
                name,
                CASE
                    WHEN instrument_kind = 'option' THEN 'INNER JOIN option_chains AS chain ON chain.id = bar.contract_id'
                    ELSE ''
                END,
                day::timestamp AT TIME ZONE 'UTC',
                (day + 1)::timestamp AT TIME ZONE 'UTC',
                underlyings
            )
        FROM data_sets
        WHERE id = kind
    ) INTO counted;
    RETURN coalesce((
        SELECT
            string_agg(
                security.symbol || CASE
                    WHEN session.object_id IS NULL THEN ': its object was replaced'
                    WHEN coalesce(present.change, 0) <> session.change THEN ': it changed since it was archived'
                    ELSE format(
                        ': the archive has %s rows of it, the database %s',
                        session.rows, coalesce(counted ->> proof.underlying_id::text, '0')
                    )
                END,
                '; ' ORDER BY security.symbol
            )
        FROM unnest(underlyings, objects, hashes) AS proof (underlying_id, object_id, hash)
        INNER JOIN underlying_securities AS security ON security.id = proof.underlying_id
        LEFT JOIN archive_objects AS stored
            ON stored.id = proof.object_id AND stored.hash = proof.hash AND stored.verified_at IS NOT NULL
        LEFT JOIN archived_sessions AS session
            ON session.object_id = stored.id
            AND session.underlying_id = proof.underlying_id
            AND session.data_set = kind
            AND session.session_date = day
        LEFT JOIN session_changes AS present
            ON present.underlying_id = proof.underlying_id
            AND present.data_set = kind
            AND present.session_date = day
        WHERE
            session.object_id IS NULL
            OR coalesce(present.change, 0) <> session.change
            OR session.rows <> coalesce((counted ->> proof.underlying_id::text)::bigint, 0)
    ), '');
END
$$
