-- What was traded in all options of an underlying, by five minutes.
CREATE MATERIALIZED VIEW IF NOT EXISTS store.underlying_intraday_summary
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    chain.underlying_id,
    time_bucket(INTERVAL '5 minutes', bar.time) AS time,
    sum(bar.volume) AS volume,
    sum(bar.volume) FILTER (WHERE chain.option_type = 'C') AS call_volume,
    sum(bar.volume) FILTER (WHERE chain.option_type = 'P') AS put_volume,
    count(bar.close) AS traded_contracts,
    count(*) AS contracts
FROM store.option_bars_5min AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
GROUP BY chain.underlying_id, time_bucket(INTERVAL '5 minutes', bar.time)
WITH NO DATA
