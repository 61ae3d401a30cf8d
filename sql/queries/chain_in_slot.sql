-- The contracts of an underlying under their terms of a day, with their bars of one slot as floating-point numbers.
-- present_symbol: what a contract is called now; its symbol of that day may be another contract's by now.
-- With the first and last contract id the batches of other underlyings stay shut on compressed days.
-- $1 underlying_id integer: whose contracts
-- $2 day date: of the slot, in New York
-- $3 slot timestamptz: its start
-- $4 first_id integer: of its contracts, from `contract_range`
-- $5 last_id integer
WITH bar AS MATERIALIZED (
    SELECT contract_id, close, volume, bid_close, ask_close, implied_volatility, delta, open_interest
    FROM option_bars_5min_float8
    WHERE time = $3::timestamptz AND contract_id >= $4::integer AND contract_id <= $5::integer
),
former AS MATERIALIZED (
    SELECT DISTINCT ON (contract_id) contract_id, contract_symbol, expiration_date, strike_price, option_type
    FROM earlier_contract_terms
    WHERE until > $3::timestamptz AND contract_id >= $4::integer AND contract_id <= $5::integer
    ORDER BY contract_id, until
)
SELECT
    chain.id AS contract_id,
    coalesce(former.contract_symbol, chain.contract_symbol) AS contract_symbol,
    coalesce(former.expiration_date, chain.expiration_date) AS expiration_date,
    coalesce(former.strike_price, chain.strike_price)::double precision AS strike,
    coalesce(former.option_type, chain.option_type) AS option_type,
    life.selected @> $2::date AS is_selected,
    bar.contract_id IS NOT NULL AS is_stored,
    chain.contract_symbol AS present_symbol,
    bar.close,
    bar.volume,
    bar.bid_close,
    bar.ask_close,
    bar.implied_volatility,
    bar.delta,
    bar.open_interest
FROM option_chains AS chain
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
LEFT JOIN bar ON bar.contract_id = chain.id
LEFT JOIN former ON former.contract_id = chain.id
WHERE chain.underlying_id = $1::integer
    AND chain.expiration_date >= $2::date
    -- Whoever was listed later, or had vanished before, has nothing to show.
    AND (bar.contract_id IS NOT NULL OR life.selected @> $2::date OR life.listed_since <= $2::date AND chain.active)
ORDER BY 3, 4, 5, 2
