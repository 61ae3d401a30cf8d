-- All contracts of an underlying in one slot: $1 underlying id, $2 the slot's start.
-- The bounds on contract_id keep the batches of other underlyings shut on compressed days; the middle is computed there
-- from what is read anyway (a column more costs a seventh).
WITH contract AS MATERIALIZED (
    SELECT id, expiration_date, strike_price, option_type
    FROM option_chains
    WHERE underlying_id = $1::integer
        AND expiration_date >= ($2::timestamptz AT TIME ZONE 'America/New_York')::date
)
SELECT
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    bar.contract_id,
    bar.close,
    bar.volume,
    bar.bid_close,
    bar.ask_close,
    round((bar.bid_close + bar.ask_close) / 2, 4) AS mid_close,
    bar.implied_volatility,
    bar.delta
FROM option_bars_5min AS bar
INNER JOIN contract ON contract.id = bar.contract_id
WHERE
    bar.time = $2::timestamptz
    AND bar.contract_id >= (SELECT min(id) FROM contract)
    AND bar.contract_id <= (SELECT max(id) FROM contract)
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
