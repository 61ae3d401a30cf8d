-- Slots that a series lacks on sessions for which its contract is selected.
-- What is lost is not asked for, unless nothing counts as done.
-- $1 underlying_id integer: whose contracts
-- $2 days date[]: of the sessions
-- $3 opens timestamptz[]
-- $4 closes timestamptz[]
-- $5 series text[]
-- $6 asks text: what counts as done (not_covered: what is covered, not_settled: what is settled; NULL: nothing)
-- $7 contract_ids integer[]: NULL is all
WITH session AS (
    SELECT day, slots
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[]) AS t (day, opens, closes)
    CROSS JOIN LATERAL (SELECT tstzrange(opens, closes) AS slots) AS range
),
contract AS (
    SELECT
        chain.id AS contract_id,
        -- Only the days looked at matter, so few different lives are left.
        life.selected
        * datemultirange(
            daterange(
                (SELECT min(day) FROM session),
                least(chain.expiration_date, (SELECT max(day) FROM session)),
                '[]'
            )
        ) AS days
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $1::integer
        AND chain.expiration_date >= (SELECT min(day) FROM session)
        AND ($7::integer[] IS NULL OR chain.id = ANY($7::integer[]))
),
lost AS (
    SELECT contract_id, what_to_show, range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps
    WHERE state = 'lost'
        AND $6::text IS NOT NULL
        AND contract_id IN (SELECT contract_id FROM contract)
    GROUP BY contract_id, what_to_show
),
expected AS (
    SELECT
        life.days,
        range_agg(session.slots) AS slots
    FROM (SELECT DISTINCT days FROM contract) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
-- Materialized: computed once, not again for the filter. Most series lack nothing, which is seen in a third of the time
-- that the difference takes.
difference AS MATERIALIZED (
    SELECT
        contract_id,
        what_to_show,
        CASE WHEN done @> expected.slots THEN '{}' ELSE expected.slots - done END AS missing
    FROM contract
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($5::text[]) AS series (what_to_show)
    LEFT JOIN request_coverage AS coverage USING (contract_id, what_to_show)
    LEFT JOIN lost USING (contract_id, what_to_show)
    CROSS JOIN LATERAL (
        SELECT
            CASE $6::text
                WHEN 'not_covered' THEN coalesce(coverage.covered, '{}')
                WHEN 'not_settled' THEN coalesce(coverage.settled, '{}')
                ELSE '{}'
            END
            + coalesce(lost.slots, '{}') AS done
    ) AS known
)
SELECT contract_id, what_to_show, missing
FROM difference
WHERE NOT isempty(missing)
ORDER BY contract_id, what_to_show
