-- Slots that an underlying's series lack on sessions.
-- $1 underlying_id integer
-- $2 days date[]: of the sessions
-- $3 opens timestamptz[]
-- $4 closes timestamptz[]
-- $5 series text[]
-- $6 asks text: as in missing_contract_slots
WITH expected AS (
    SELECT range_agg(tstzrange(opens, closes)) AS slots
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[]) AS t (day, opens, closes)
)
SELECT series.what_to_show, missing
FROM expected
CROSS JOIN unnest($5::text[]) AS series (what_to_show)
LEFT JOIN request_coverage AS coverage
    ON coverage.underlying_id = $1::integer AND coverage.what_to_show = series.what_to_show
CROSS JOIN LATERAL (
    SELECT
        expected.slots - CASE $6::text
            WHEN 'not_covered' THEN coalesce(coverage.covered, '{}')
            WHEN 'not_settled' THEN coalesce(coverage.settled, '{}')
            ELSE '{}'
        END AS missing
) AS difference
WHERE NOT isempty(missing)
ORDER BY what_to_show
