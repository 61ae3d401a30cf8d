-- Add what answers say to what is covered and settled.
-- $1 data_set_id smallint
-- $2 instrument_ids integer[]: of the series that were answered
-- $3 series text[]
-- $4 covered text[]: what each answer speaks for, as multiranges
-- $5 settled text[]
CREATE OR REPLACE FUNCTION store.merge_coverage(smallint, integer[], text[], text[], text[]) RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_nestloop = off SET enable_seqscan = off  -- see write_option_bars
AS $$
DECLARE
    noted bigint;
BEGIN
    WITH given AS (
        SELECT *
        FROM unnest($2::integer[], $3::text[], $4::text[]::tstzmultirange[], $5::text[]::tstzmultirange[])
            AS one (instrument_id, what_to_show, covered, settled)
    ),
    changed AS (
        SELECT
            given.instrument_id,
            given.covered - coalesce(old.covered, '{}') + (given.settled - coalesce(old.settled, '{}'))
            + coalesce(old.single_witness, '{}') * given.settled AS slots
        FROM given
        LEFT JOIN (
            SELECT * FROM request_coverage WHERE instrument_id = ANY($2::integer[]) AND data_set = $1::smallint
        ) AS old USING (instrument_id, what_to_show)
    ),
    merged AS (
        INSERT INTO request_coverage AS old (instrument_id, data_set, what_to_show, covered, settled)
        SELECT instrument_id, $1::smallint, what_to_show, covered, settled
        FROM given
        ON CONFLICT (instrument_id, data_set, what_to_show) DO UPDATE
        SET
            covered = old.covered + excluded.covered,
            settled = old.settled + excluded.settled,
            single_witness = old.single_witness - excluded.settled
    )
    SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day))
    INTO noted
    FROM changed
    CROSS JOIN LATERAL store.days_of(slots) AS day;
    RETURN noted;
END
$$
