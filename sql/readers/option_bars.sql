-- Bars of option contracts in a span, as floating-point numbers.
-- With the first and last id the batches of other underlyings stay shut on compressed days.
-- $1 first_id integer: of the contracts that are asked for
-- $2 last_id integer
-- $3 contract_ids integer[]: NULL is all between them
-- $4 span_start timestamptz
-- $5 span_end timestamptz
SELECT {columns}
FROM option_bars_5min_float8
WHERE contract_id >= $1::integer
    AND contract_id <= $2::integer
    AND ($3::integer[] IS NULL OR contract_id = ANY($3::integer[]))
    AND time >= $4::timestamptz
    AND time < $5::timestamptz
