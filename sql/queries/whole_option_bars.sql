-- One underlying's option bars of a day as they are stored, by contract and time; for COPY.
-- $1 underlying_id integer: whose contracts
-- $2 start timestamptz
-- $3 end timestamptz
SELECT
    bar.time,
    bar.contract_id,
    bar.open,
    bar.up,
    bar.down,
    bar.close,
    bar.bid_open,
    bar.bid_up,
    bar.bid_down,
    bar.bid_close,
    bar.ask_open,
    bar.ask_up,
    bar.ask_down,
    bar.ask_close,
    bar.vwap_off,
    bar.volume,
    bar.bar_count,
    bar.implied_volatility,
    bar.delta,
    bar.theta,
    bar.vega,
    bar.rho,
    bar.gamma,
    bar.greeks_version,
    bar.greeks_reason,
    bar.open_interest,
    bar.collection_run_id,
    bar.created_at,
    bar.updated_at,
    bar.flags,
    bar.unit,
    bar.has_gaps
FROM store.option_bars_5min AS bar
WHERE bar.time >= $2::timestamptz
    AND bar.time < $3::timestamptz
    AND bar.contract_id >= (SELECT min(id) FROM option_chains WHERE underlying_id = $1::integer)
    AND bar.contract_id <= (SELECT max(id) FROM option_chains WHERE underlying_id = $1::integer)
    AND bar.contract_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
ORDER BY bar.contract_id, bar.time
