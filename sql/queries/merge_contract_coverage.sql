-- Add the staged coverage of contracts to what is covered, settled and claimed.
INSERT INTO request_coverage AS old (contract_id, what_to_show, covered, settled, claimed, sent_at)
SELECT
    contract_id,
    what_to_show,
    covered + settled + (SELECT coalesce(range_agg(claim), '{}') FROM unnest(claimed) AS claim),
    settled,
    ARRAY(SELECT claim FROM unnest(claimed) AS claim WHERE NOT settled @> claim ORDER BY claim),
    sent_at
FROM stage_coverage
WHERE contract_id IS NOT NULL
ON CONFLICT (contract_id, what_to_show) DO UPDATE
SET
    covered = old.covered + excluded.covered,
    settled = old.settled + excluded.settled,
    claimed = CASE
        WHEN old.claimed = '{}' AND excluded.claimed = '{}' THEN '{}'
        ELSE ARRAY(
            SELECT DISTINCT claim
            FROM unnest(old.claimed || excluded.claimed) AS claim
            WHERE NOT (old.settled + excluded.settled) @> claim
            ORDER BY claim
        )
    END,
    sent_at = greatest(old.sent_at, excluded.sent_at)
