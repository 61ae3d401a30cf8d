-- Expect nothing of contracts on sessions before they were listed.
-- Their claims go with the expectation; a bar from further back moves the day on which they were listed.
-- $1 contract_ids integer[]
-- $2 days date[]: of the sessions, one for each id
WITH given AS (
    SELECT contract_id, range_agg(daterange(day, day, '[]')) AS days
    FROM unnest($1::integer[], $2::date[]) AS t (contract_id, day)
    GROUP BY contract_id
),
forgotten AS (
    DELETE FROM negative_claims AS claim
    USING given
    WHERE claim.instrument_id = given.contract_id AND given.days @> claim.session_date
)
UPDATE option_contract_lifecycle AS life
SET selected = life.selected - given.days
FROM given
WHERE life.contract_id = given.contract_id
