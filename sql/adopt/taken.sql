-- How much the collector's tables hold now.
SELECT
    (SELECT count(*) FROM store.option_bars_5min) AS option_bars,
    (SELECT count(*) FROM store.underlying_bars_5min) AS underlying_bars,
    (SELECT count(*) FROM underlying_securities) AS underlyings,
    (SELECT count(*) FROM option_chains) AS contracts,
    (SELECT count(*) FROM intraday_collection_runs) AS runs
