-- Store an underlying, or bring the one of that symbol up to date.
-- $1 symbol text
-- $2 source_id integer: IB's number
-- $3 name text
-- $4 sec_type text
-- $5 exchange text
-- $6 primary_exchange text
-- $7 currency text
-- $8 now timestamptz
INSERT INTO underlying_securities (
    symbol, ib_con_id, name, sec_type, exchange, primary_exchange, currency, created_at, updated_at
)
VALUES ($1::text, $2::integer, $3::text, $4::text, $5::text, $6::text, $7::text, $8::timestamptz, $8::timestamptz)
ON CONFLICT (symbol) DO UPDATE
SET
    ib_con_id = excluded.ib_con_id,
    name = excluded.name,
    sec_type = excluded.sec_type,
    exchange = excluded.exchange,
    primary_exchange = excluded.primary_exchange,
    currency = excluded.currency,
    active = true,
    updated_at = excluded.updated_at
RETURNING id
