-- Instruments of which an answer brought bars that were stored, on one day's session that is settled.
-- Where a bar was revised since, it may be gone by right: such an instrument is left out.
-- $1 instrument_ids integer[]
-- $2 data_set_id smallint
-- $3 span_start timestamptz: of the session's slots
-- $4 span_end timestamptz
SELECT DISTINCT request.instrument_id
FROM requests AS request
INNER JOIN request_coverage AS coverage
    ON coverage.instrument_id = request.instrument_id
    AND coverage.data_set = request.data_set
    AND coverage.what_to_show = request.what_to_show
WHERE request.instrument_id = ANY($1::integer[])
    AND request.data_set = $2::smallint
    AND request.outcome = 'bars'
    AND request.checksum IS NOT NULL
    AND request.span <@ tstzrange($3::timestamptz, $4::timestamptz)
    AND coverage.settled @> request.span
    AND NOT EXISTS (
        SELECT
        FROM bar_revisions AS revision
        WHERE revision.instrument_id = request.instrument_id
            AND revision.data_set = $2::smallint
            AND revision.time >= $3::timestamptz
            AND revision.time < $4::timestamptz
    )
ORDER BY request.instrument_id
