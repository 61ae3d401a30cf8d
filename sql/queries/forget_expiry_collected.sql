-- Take back that contracts of some symbols were collected to their end, whose last session is forgotten.
-- $1 symbols text[]
-- $2 session_day date
-- $3 next_day date: of the next session
-- $4 today date: in New York; what expired before it keeps what is known of it, as in forget_coverage
UPDATE option_contract_lifecycle AS life
SET expiry_collected = false
FROM option_chains AS contract
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
WHERE contract.id = life.contract_id
    AND underlying.symbol = ANY($1::text[])
    AND contract.expiration_date >= greatest($2::date, $4::date)
    AND contract.expiration_date < $3::date
    AND life.expiry_collected
