-- Add contracts under the ids that the archive has them by, where these are free; return those that are another's here.
-- $1 underlying_id integer
-- $2 contract_ids integer[]
-- $3 source_ids integer[]
-- $4 contract_symbols text[]
-- $5 expiration_dates date[]
-- $6 strike_prices numeric[]
-- $7 option_types text[]
-- $8 multipliers integer[]
-- $9 exchanges text[]
-- $10 trading_classes text[]
-- $11 currencies text[]
-- $12 first_seen date[]: the first day on which it was listed
-- $13 last_seen date[]: and the last one
-- $14 now timestamptz
WITH given AS (
    SELECT *
    FROM unnest(
        $2::integer[], $3::integer[], $4::text[], $5::date[], $6::numeric[], $7::text[], $8::integer[], $9::text[],
        $10::text[], $11::text[], $12::date[], $13::date[]
    ) AS t (
        id, source_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange, trading_class,
        currency, first_seen, last_seen
    )
),
added AS (
    INSERT INTO option_chains (
        id, underlying_id, ib_con_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange,
        trading_class, currency, created_at, updated_at, last_updated
    )
    SELECT
        id, $1::integer, coalesce(source_id, -id), contract_symbol, expiration_date, strike_price, option_type, multiplier,
        exchange, trading_class, currency, $14::timestamptz, $14::timestamptz, $14::timestamptz
    FROM given
    ON CONFLICT DO NOTHING
    RETURNING id
),
lives AS (
    INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen)
    SELECT id, coalesce(first_seen, expiration_date), coalesce(first_seen, expiration_date), coalesce(last_seen, expiration_date)
    FROM given
    INNER JOIN added USING (id)
    ON CONFLICT DO NOTHING
)
SELECT given.id, given.contract_symbol
FROM given
LEFT JOIN option_chains AS known ON known.id = given.id
WHERE given.id NOT IN (SELECT id FROM added)
    AND (known.id IS NULL OR known.contract_symbol <> given.contract_symbol OR known.underlying_id <> $1::integer)
ORDER BY given.id
