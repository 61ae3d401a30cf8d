-- Add the staged coverage of contracts to what is covered and settled.
INSERT INTO request_coverage AS old (contract_id, what_to_show, covered, settled)
SELECT contract_id, what_to_show, covered, settled
FROM stage_coverage
WHERE contract_id IS NOT NULL
ON CONFLICT (contract_id, data_set, what_to_show) DO UPDATE
SET
    covered = old.covered + excluded.covered,
    settled = old.settled + excluded.settled,
    single_witness = old.single_witness - excluded.settled
