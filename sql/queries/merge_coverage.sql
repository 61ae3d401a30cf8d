-- Add the staged coverage to what is covered and settled.
-- $1 data_set_id smallint
WITH changed AS (
    SELECT
        new.instrument_id,
        new.covered - coalesce(old.covered, '{}') + (new.settled - coalesce(old.settled, '{}'))
        + coalesce(old.single_witness, '{}') * new.settled AS slots
    FROM stage_coverage AS new
    LEFT JOIN request_coverage AS old USING (instrument_id, data_set, what_to_show)
    WHERE new.data_set = $1::smallint
),
merged AS (
    INSERT INTO request_coverage AS old (instrument_id, data_set, what_to_show, covered, settled)
    SELECT instrument_id, data_set, what_to_show, covered, settled
    FROM stage_coverage
    WHERE data_set = $1::smallint
    ON CONFLICT (instrument_id, data_set, what_to_show) DO UPDATE
    SET
        covered = old.covered + excluded.covered,
        settled = old.settled + excluded.settled,
        single_witness = old.single_witness - excluded.settled
)
SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day)) AS changes
FROM changed
CROSS JOIN LATERAL store.days_of(slots) AS day
