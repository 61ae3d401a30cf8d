-- Store an underlying, or bring the one of that symbol up to date; a number that it had before is kept with its dates.
-- $1 symbol text
-- $2 source_id integer: the source's number
-- $3 name text
-- $4 sec_type text
-- $5 exchange text
-- $6 primary_exchange text
-- $7 currency text
-- $8 collected boolean: false for an index of which only levels are read; one that is collected stays so
-- $9 now timestamptz
WITH renumbered AS (
    INSERT INTO earlier_source_ids (instrument_id, source, source_id, since, until)
    SELECT
        -known.id,
        known.source,
        known.ib_con_id,
        coalesce((SELECT max(until) FROM earlier_source_ids WHERE instrument_id = -known.id), known.created_at),
        $9::timestamptz
    FROM underlying_securities AS known
    WHERE known.symbol = $1::text
        AND known.ib_con_id > 0
        AND known.ib_con_id <> $2::integer
)
INSERT INTO underlying_securities AS known (
    symbol, ib_con_id, name, sec_type, exchange, primary_exchange, currency, active, created_at, updated_at
)
VALUES (
    $1::text, $2::integer, $3::text, $4::text, $5::text, $6::text, $7::text, $8::boolean, $9::timestamptz,
    $9::timestamptz
)
ON CONFLICT (symbol) DO UPDATE
SET
    ib_con_id = excluded.ib_con_id,
    name = excluded.name,
    sec_type = excluded.sec_type,
    exchange = excluded.exchange,
    primary_exchange = excluded.primary_exchange,
    currency = excluded.currency,
    active = known.active OR excluded.active,
    updated_at = excluded.updated_at
RETURNING id
