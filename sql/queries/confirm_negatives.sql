-- Settle what is confirmed to be empty, and forget that it was claimed.
-- $1 data_set_id smallint
-- $2 instruments integer[]: an underlying's id is below zero
-- $3 series text[]
-- $4 starts timestamptz[]: of the claims
-- $5 ends timestamptz[]
-- $6 single boolean[]: whether one witness speaks for it
WITH ruled AS (
    DELETE FROM negative_claims AS claim
    USING unnest($2::integer[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::boolean[]) AS given (
        instrument_id, what_to_show, starts, ends, single
    )
    WHERE claim.instrument_id = given.instrument_id
        AND claim.data_set = $1::smallint
        AND claim.what_to_show = given.what_to_show
        AND claim.span = tstzrange(given.starts, given.ends)
    RETURNING claim.instrument_id, claim.what_to_show, claim.span, given.single
),
spans AS (
    SELECT
        instrument_id,
        what_to_show,
        range_agg(span) AS whole,
        coalesce(range_agg(span) FILTER (WHERE single), '{}') AS single
    FROM ruled
    GROUP BY instrument_id, what_to_show
),
changed AS (
    SELECT
        instrument_id,
        spans.whole - coalesce(coverage.covered, '{}') + (spans.whole - coalesce(coverage.settled, '{}'))
        + (spans.single - coalesce(coverage.single_witness, '{}')) AS slots
    FROM spans
    -- Without coverage nothing settles, but what was claimed awaits no more.
    LEFT JOIN (
        SELECT * FROM request_coverage WHERE data_set = $1::smallint
    ) AS coverage USING (instrument_id, what_to_show)
),
confirmed AS (
    UPDATE request_coverage AS coverage
    SET
        covered = coverage.covered + spans.whole,
        settled = coverage.settled + spans.whole,
        single_witness = coverage.single_witness + spans.single
    FROM spans
    WHERE coverage.instrument_id = spans.instrument_id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = spans.what_to_show
    RETURNING coverage.instrument_id
)
SELECT
    (SELECT count(*) FROM confirmed) AS series,
    (
        SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day))
        FROM changed
        CROSS JOIN LATERAL store.days_of(slots) AS day
    ) AS changes
