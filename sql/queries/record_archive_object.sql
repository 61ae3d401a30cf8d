-- Enter an object that has been read back from its place into the manifest, with the sessions that it holds.
-- What it replaces leaves first; a place's path has one row.
-- $1 place text
-- $2 path text
-- $3 underlying_id integer: NULL when it is about all of them
-- $4 data_set_id smallint: NULL when it holds no bars
-- $5 rows bigint
-- $6 bytes bigint
-- $7 hash text
-- $8 facts jsonb
-- $9 format smallint
-- $10 now timestamptz
-- $11 leftovers text[]: paths that are to be removed
-- $12 days date[]: the sessions
-- $13 changes bigint[]: of the rows that it holds, by session
-- $14 session_rows bigint[]
-- $15 session_hashes text[]
-- $16 settled boolean[]
WITH object AS (
    INSERT INTO archive_objects (
        place, path, underlying_id, data_set, first_session, last_session, rows, bytes, hash, facts, format, written_at,
        verified_at, leftovers
    )
    SELECT
        $1::text,
        $2::text,
        $3::integer,
        $4::smallint,
        min(day),
        max(day),
        $5::bigint,
        $6::bigint,
        $7::text,
        $8::jsonb,
        $9::smallint,
        $10::timestamptz,
        $10::timestamptz,
        $11::text[]
    FROM unnest($12::date[]) AS day
    RETURNING id
),
held AS (
    INSERT INTO archived_sessions (object_id, underlying_id, data_set, session_date, change, rows, hash, settled)
    SELECT object.id, $3::integer, $4::smallint, one.day, one.change, one.rows, one.hash, one.settled
    FROM object
    CROSS JOIN
        unnest($12::date[], $13::bigint[], $14::bigint[], $15::text[], $16::boolean[]) AS one (
            day, change, rows, hash, settled
        )
)
SELECT id FROM object
