-- Mark contracts of an expiration that IB no longer lists: $1 underlying id, $2 expiration, $3 ids it lists, $4 now.
WITH gone AS (
    UPDATE option_chains
    SET active = false, updated_at = $4::timestamptz
    WHERE underlying_id = $1::integer
        AND expiration_date = $2::date
        AND active
        AND id <> ALL($3::integer[])
    RETURNING id
)
UPDATE option_contract_lifecycle AS life
SET status = 'vanished'
FROM gone
WHERE life.contract_id = gone.id
