-- Let adopted bars count as covered, series by series, and never as settled: IB has to confirm them.
WITH added AS (
    INSERT INTO request_coverage (instrument_id, data_set, what_to_show, covered)
    SELECT
        bar.instrument_id,
        kind.id,
        bar.what_to_show,
        range_agg(tstzrange(bar.time, bar.time + make_interval(secs => kind.bar_seconds)))
    FROM (
        SELECT 'option_bars_5min' AS data_set, option.contract_id AS instrument_id, option.time, series.*
        FROM
            store.option_bars_5min AS option,
            LATERAL (
                VALUES ('TRADES', option.close), ('BID', option.bid_close), ('ASK', option.ask_close)
            ) AS series (what_to_show, price)
        UNION ALL
        SELECT 'underlying_bars_5min', -own.underlying_id, own.time, series.*
        FROM
            store.underlying_bars_5min AS own,
            LATERAL (
                VALUES ('TRADES', own.close), ('OPTION_IMPLIED_VOLATILITY', own.implied_volatility)
            ) AS series (what_to_show, price)
    ) AS bar
    INNER JOIN data_sets AS kind ON kind.name = bar.data_set
    WHERE bar.price IS NOT NULL
    GROUP BY bar.instrument_id, kind.id, bar.what_to_show
    ON CONFLICT DO NOTHING
    RETURNING instrument_id, data_set, covered
)
SELECT store.note_changes(data_set, array_agg(instrument_id), array_agg(day)) AS changes
FROM added
CROSS JOIN LATERAL store.days_of(covered) AS day
GROUP BY data_set
ORDER BY data_set
