-- Add the staged coverage to what is covered and settled.
-- $1 data_set_id smallint
INSERT INTO request_coverage AS old (instrument_id, data_set, what_to_show, covered, settled)
SELECT instrument_id, data_set, what_to_show, covered, settled
FROM stage_coverage
WHERE data_set = $1::smallint
ON CONFLICT (instrument_id, data_set, what_to_show) DO UPDATE
SET
    covered = old.covered + excluded.covered,
    settled = old.settled + excluded.settled,
    single_witness = old.single_witness - excluded.settled
