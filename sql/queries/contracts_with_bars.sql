-- Contracts that have bars in a span.
-- $1 contract_ids integer[]
-- $2 span_start timestamptz
-- $3 span_end timestamptz
SELECT contract.id AS contract_id
FROM unnest($1::integer[]) AS contract (id)
WHERE EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id = contract.id
        AND bar.time >= $2::timestamptz
        AND bar.time < $3::timestamptz
)
ORDER BY contract.id
