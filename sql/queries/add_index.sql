-- Store an index of which only levels are read (it is not collected: not active); the one of that symbol keeps its id.
-- $1 symbol text
-- $2 source_id integer: IB's number
-- $3 name text
-- $4 sec_type text
-- $5 exchange text
-- $6 currency text
-- $7 now timestamptz
INSERT INTO underlying_securities (
    symbol, ib_con_id, name, active, sec_type, exchange, currency, created_at, updated_at
)
VALUES ($1::text, $2::integer, $3::text, false, $4::text, $5::text, $6::text, $7::timestamptz, $7::timestamptz)
ON CONFLICT (symbol) DO UPDATE
SET
    ib_con_id = excluded.ib_con_id,
    sec_type = excluded.sec_type,
    exchange = excluded.exchange,
    currency = excluded.currency,
    updated_at = excluded.updated_at
RETURNING id
