-- Mark contracts that expired before a day.
-- $1 today date: in New York
-- $2 now timestamptz
WITH over AS (
    UPDATE option_chains
    SET active = false, updated_at = $2::timestamptz
    WHERE active AND expiration_date < $1::date
    RETURNING id
)
UPDATE option_contract_lifecycle AS life
SET status = 'expired'
FROM option_chains AS contract
WHERE contract.id = life.contract_id
    AND contract.expiration_date < $1::date
    AND life.status <> 'expired'
