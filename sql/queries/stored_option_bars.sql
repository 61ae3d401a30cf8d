-- The stored bars of a contract in whole numbers: prices in ten-thousandths of a USD, volume in contracts.
-- $1 contract_id integer
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT
    time,
    open * unit AS open,
    (greatest(open, close) + up) * unit AS high,
    (least(open, close) - down) * unit AS low,
    close * unit AS close,
    volume,
    bar_count,
    close * unit + vwap_off AS vwap,
    bid_open * unit AS bid_open,
    (greatest(bid_open, bid_close) + bid_up) * unit AS bid_high,
    (least(bid_open, bid_close) - bid_down) * unit AS bid_low,
    bid_close * unit AS bid_close,
    ask_open * unit AS ask_open,
    (greatest(ask_open, ask_close) + ask_up) * unit AS ask_high,
    (least(ask_open, ask_close) - ask_down) * unit AS ask_low,
    ask_close * unit AS ask_close,
    implied_volatility,
    delta,
    gamma,
    theta,
    vega,
    rho,
    greeks_version,
    greeks_reason,
    open_interest,
    flags,
    has_gaps,
    collection_run_id,
    created_at,
    updated_at
FROM store.option_bars_5min
WHERE contract_id = $1::integer
    AND time >= $2::timestamptz
    AND time < $3::timestamptz
ORDER BY time
