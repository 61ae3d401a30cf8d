-- Close dead letters whose span is settled by now, or of which nothing is missing any more but what is lost.
-- $1 now timestamptz
WITH lost AS (
    SELECT contract_id, what_to_show, range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps
    WHERE state = 'lost' AND contract_id IN (SELECT contract_id FROM dead_letters WHERE resolved_at IS NULL)
    GROUP BY contract_id, what_to_show
),
verdict AS (
    SELECT
        letter.id,
        CASE
            WHEN coverage.settled @> letter.span THEN 'answered'
            WHEN coalesce(coverage.settled, '{}') + lost.slots @> letter.span THEN 'lost'
        END AS resolution
    FROM dead_letters AS letter
    LEFT JOIN request_coverage AS coverage
        ON coverage.what_to_show = letter.what_to_show
        AND (coverage.contract_id = letter.contract_id OR coverage.underlying_id = letter.underlying_id)
    LEFT JOIN lost ON lost.contract_id = letter.contract_id AND lost.what_to_show = letter.what_to_show
    WHERE letter.resolved_at IS NULL
),
resolved AS (
    UPDATE dead_letters AS letter
    SET resolved_at = $1::timestamptz, resolution = verdict.resolution
    FROM verdict
    WHERE verdict.id = letter.id AND verdict.resolution IS NOT NULL
    RETURNING verdict.resolution
)
SELECT resolution, count(*) AS letters
FROM resolved
GROUP BY resolution
