-- All contracts of an underlying in one slot: $1 underlying id, $2 the slot's start.
SELECT
    chain.expiration_date,
    chain.strike_price,
    chain.option_type,
    bar.contract_id,
    bar.close,
    bar.volume,
    bar.bid_close,
    bar.ask_close,
    bar.mid_close,
    bar.implied_volatility,
    bar.delta
FROM option_bars_5min AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
WHERE
    chain.underlying_id = $1::integer
    AND chain.expiration_date >= ($2::timestamptz AT TIME ZONE 'America/New_York')::date
    AND bar.time = $2::timestamptz
ORDER BY chain.expiration_date, chain.strike_price, chain.option_type
