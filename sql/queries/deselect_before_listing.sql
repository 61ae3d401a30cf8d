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
    RETURNING claim.instrument_id, claim.session_date, claim.state
),
changed AS (
    SELECT life.contract_id AS instrument_id, day::date AS day
    FROM option_contract_lifecycle AS life
    INNER JOIN given USING (contract_id)
    CROSS JOIN unnest(life.selected * given.days) AS part
    CROSS JOIN LATERAL generate_series(lower(part), upper(part) - 1, INTERVAL '1 day') AS day
    UNION
    SELECT instrument_id, session_date
    FROM forgotten
    WHERE state = 'awaiting'
),
deselected AS (
    UPDATE option_contract_lifecycle AS life
    SET selected = life.selected - given.days
    FROM given
    WHERE life.contract_id = given.contract_id
    RETURNING life.contract_id
)
SELECT
    (SELECT count(*) FROM deselected) AS contracts,
    (
        SELECT
            store.note_changes(
                (SELECT id FROM data_sets WHERE name = 'option_bars_5min'), array_agg(instrument_id), array_agg(day)
            )
        FROM changed
    ) AS changes
