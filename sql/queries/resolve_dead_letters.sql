-- Close dead letters whose span is settled by now, or of which nothing is missing any more but what is lost.
-- $1 now timestamptz
WITH lost AS (
    SELECT instrument_id, data_set, what_to_show, range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps
    WHERE state = 'lost' AND instrument_id IN (SELECT instrument_id FROM dead_letters WHERE resolved_at IS NULL)
    GROUP BY instrument_id, data_set, what_to_show
),
verdict AS (
    SELECT
        letter.id,
        CASE
            WHEN coverage.settled @> letter.span THEN 'answered'
            WHEN coalesce(coverage.settled, '{}') + lost.slots @> letter.span THEN 'lost'
        END AS resolution
    FROM dead_letters AS letter
    LEFT JOIN request_coverage AS coverage USING (instrument_id, data_set, what_to_show)
    LEFT JOIN lost USING (instrument_id, data_set, what_to_show)
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
