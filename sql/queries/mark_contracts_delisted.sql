-- Mark contracts of an expiration that IB no longer lists.
-- $1 underlying_id integer: whose contracts
-- $2 expiration date
-- $3 listed_ids integer[]: the contracts that it does list
-- $4 now timestamptz
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
