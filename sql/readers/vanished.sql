-- Sessions of contracts of which no bar is in the database, although an answer brought bars that were stored and settled.
-- Where a bar was revised since, it may be gone by right: nothing is said of such a session.
-- $1 contract_ids integer[]
-- $2 data_set_id smallint
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
SELECT contract.id AS contract_id, session.day AS session, session.starts AS span_start, session.ends AS span_end
FROM unnest($1::integer[]) AS contract (id)
CROSS JOIN unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS session (day, starts, ends)
WHERE NOT EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id = contract.id AND bar.time >= session.starts AND bar.time < session.ends
)
    AND EXISTS (
        SELECT
        FROM requests AS request
        INNER JOIN request_coverage AS coverage
            ON coverage.instrument_id = request.instrument_id
            AND coverage.data_set = request.data_set
            AND coverage.what_to_show = request.what_to_show
        WHERE request.instrument_id = contract.id
            AND request.data_set = $2::smallint
            AND request.outcome = 'bars'
            AND request.checksum IS NOT NULL
            AND request.span <@ tstzrange(session.starts, session.ends)
            AND coverage.settled @> request.span
    )
    AND NOT EXISTS (
        SELECT
        FROM bar_revisions AS revision
        WHERE revision.instrument_id = contract.id
            AND revision.data_set = $2::smallint
            AND revision.time >= session.starts
            AND revision.time < session.ends
    )
ORDER BY contract.id, session.day
