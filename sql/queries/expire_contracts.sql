-- Mark contracts that expired before a day: $1 New York day, $2 now.
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
