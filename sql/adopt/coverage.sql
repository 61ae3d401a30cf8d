-- Let adopted bars count as covered, series by series, and never as settled: IB has to confirm them.
INSERT INTO request_coverage (contract_id, what_to_show, covered)
SELECT
    bar.contract_id,
    series.what_to_show,
    range_agg(tstzrange(bar.time, bar.time + INTERVAL '5 minutes'))
FROM
    store.option_bars_5min AS bar,
    LATERAL (VALUES ('TRADES', bar.close), ('BID', bar.bid_close), ('ASK', bar.ask_close)) AS series (what_to_show, price)
WHERE series.price IS NOT NULL
GROUP BY bar.contract_id, series.what_to_show
ON CONFLICT DO NOTHING
