-- The prices of one expiration in a span.
-- $1 underlying_id integer: whose contracts
-- $2 expiration date
-- $3 session_open timestamptz
-- $4 session_close timestamptz
SELECT
    bar.contract_id,
    contract.strike_price::double precision AS strike,
    contract.option_type = 'C' AS is_call,
    extract(EPOCH FROM bar.time)::bigint AS epoch,
    bar.bid_close * bar.unit / 10000.0::double precision AS bid,
    bar.ask_close * bar.unit / 10000.0::double precision AS ask,
    bar.close * bar.unit / 10000.0::double precision AS trade,
    bar.volume::double precision AS volume,
    bar.flags
FROM option_chains AS contract
INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date = $2::date
    AND bar.time >= $3::timestamptz
    AND bar.time < $4::timestamptz
