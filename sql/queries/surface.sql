-- All contracts of an underlying in one slot.
-- With the first and last contract id the batches of other underlyings stay shut on compressed days; they are arguments
-- because no plan is good for bounds that the planner does not know. Each price that is made a decimal costs time: the
-- last trade, which may be minutes older than the quotes, is left to `contract_history` and `legs`.
-- $1 underlying_id integer: whose contracts
-- $2 slot timestamptz: its start
-- $3 first_id integer: of its contracts, from `contract_range`; NULL is whatever it is
-- $4 last_id integer
SELECT
    chain.expiration_date,
    chain.strike_price,
    chain.option_type,
    bar.contract_id,
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
    AND ($3::integer IS NULL OR bar.contract_id >= $3::integer)
    AND ($4::integer IS NULL OR bar.contract_id <= $4::integer)
ORDER BY chain.expiration_date, chain.strike_price, chain.option_type
