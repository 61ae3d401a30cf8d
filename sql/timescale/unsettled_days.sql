-- Days before an instant that hold option bars: how many, and of how many a series is neither settled nor lost.
-- $1 border timestamptz
SELECT
    date_trunc('day', bar.time, 'UTC')::timestamptz AS day,
    count(*) AS bars,
    count(*) FILTER (
        WHERE
        NOT EXISTS (
            SELECT
            FROM request_coverage AS c
            WHERE c.instrument_id = bar.contract_id AND c.data_set = kind.id
        )
        OR EXISTS (
            SELECT
            FROM request_coverage AS c
            WHERE
                c.instrument_id = bar.contract_id
                AND c.data_set = kind.id
                AND NOT c.settled @> bar.time
                AND NOT EXISTS (
                    SELECT
                    FROM historical_data_gaps AS gap
                    WHERE
                        gap.state = 'lost'
                        AND gap.instrument_id = c.instrument_id
                        AND gap.data_set = c.data_set
                        AND gap.what_to_show = c.what_to_show
                        AND gap.gap_start <= bar.time
                        AND bar.time < gap.gap_end
                )
        )
    ) AS unsettled
FROM store.option_bars_5min AS bar
INNER JOIN data_sets AS kind ON kind.name = 'option_bars_5min'
WHERE bar.time < $1::timestamptz
GROUP BY 1
ORDER BY 1
