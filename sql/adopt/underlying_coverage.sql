-- Let adopted bars of underlyings count as covered and never as settled.
INSERT INTO request_coverage (underlying_id, what_to_show, covered)
SELECT
    bar.underlying_id,
    series.what_to_show,
    range_agg(tstzrange(bar.time, bar.time + INTERVAL '5 minutes'))
FROM
    store.underlying_bars_5min AS bar,
    LATERAL (
        VALUES ('TRADES', bar.close), ('OPTION_IMPLIED_VOLATILITY', bar.implied_volatility)
    ) AS series (what_to_show, price)
WHERE series.price IS NOT NULL
GROUP BY bar.underlying_id, series.what_to_show
ON CONFLICT DO NOTHING
