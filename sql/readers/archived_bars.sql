-- Bars in an archive's objects, as floating-point numbers; a statement for DuckDB.
-- $1 files text[]
-- $2 first_id integer: of the instruments that are asked for
-- $3 last_id integer
-- $4 instrument_ids integer[]: NULL is all between them
-- $5 days integer[]: of the sessions, since 1970
-- $6 span_start timestamptz
-- $7 span_end timestamptz
SELECT {columns}
FROM read_parquet($1::text[])
WHERE {key} >= $2::integer
    AND {key} <= $3::integer
    AND ($4::integer[] IS NULL OR list_contains($4::integer[], {key}))
    AND time >= $6::timestamptz
    AND time < $7::timestamptz
    AND list_contains($5::integer[], (epoch_us(time) // 86400000000)::integer)
