-- Stored bars of an underlying in a span that break a rule, by rule.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 underlying_id integer
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
SELECT
    rule,
    count(*) AS bars,
    '{bars}' AS example
FROM (
    SELECT
        unnest(
            array_remove(
                ARRAY[
                    CASE WHEN bar.up < 0 THEN 'high below the bar' END,
                    CASE WHEN bar.down < 0 THEN 'low above the bar' END,
                    CASE
                        WHEN least(bar.open, bar.close) - greatest(bar.down, 0) <= 0 THEN 'trade at no price'
                        WHEN bar.{column} <= 0 THEN '{column} is nothing'
                    END,
                    CASE WHEN bar.volume < 0 OR bar.bar_count < 0 THEN 'negative volume' END,
                    CASE
                        WHEN extract(EPOCH FROM bar.time - $4::timestamptz) % extract(EPOCH FROM $2::interval) <> 0
                            THEN 'off the grid'
                    END,
                    CASE
                        WHEN bar.close IS NOT NULL AND NOT coalesce(trades.covered @> bar.time, false)
                            THEN 'trade in a slot that is not covered'
                        WHEN bar.{column} IS NOT NULL AND NOT coalesce(others.covered @> bar.time, false)
                            THEN '{column} in a slot that is not covered'
                    END
                ],
                NULL
            )
        ) AS rule
    FROM store.{bars} AS bar
    LEFT JOIN request_coverage AS trades
        ON trades.instrument_id = -bar.underlying_id
        AND trades.data_set = $1::smallint
        AND trades.what_to_show = 'TRADES'
    LEFT JOIN request_coverage AS others
        ON others.instrument_id = -bar.underlying_id
        AND others.data_set = $1::smallint
        AND others.what_to_show = '{series}'
    WHERE bar.underlying_id = $3::integer
        AND bar.time >= $4::timestamptz
        AND bar.time < $5::timestamptz
) AS broken
GROUP BY rule
ORDER BY rule
