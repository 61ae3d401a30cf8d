-- Close dead letters whose span is settled by now, or whose contract expired before a day: $1 New York day, $2 now.
WITH verdict AS (
    SELECT
        letter.id,
        CASE
            WHEN coverage.settled @> letter.span THEN 'answered'
            WHEN contract.expiration_date < $1::date THEN 'expired'
        END AS resolution
    FROM dead_letters AS letter
    LEFT JOIN option_chains AS contract ON contract.id = letter.contract_id
    LEFT JOIN request_coverage AS coverage
        ON coverage.what_to_show = letter.what_to_show
        AND (coverage.contract_id = letter.contract_id OR coverage.underlying_id = letter.underlying_id)
    WHERE letter.resolved_at IS NULL
),
resolved AS (
    UPDATE dead_letters AS letter
    SET resolved_at = $2::timestamptz, resolution = verdict.resolution
    FROM verdict
    WHERE verdict.id = letter.id AND verdict.resolution IS NOT NULL
    RETURNING verdict.resolution
)
SELECT resolution, count(*) AS letters
FROM resolved
GROUP BY resolution
