-- Mark contracts whose last session is settled in every series.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
-- $3 session_open timestamptz
-- $4 session_close timestamptz
-- $5 series text[]
UPDATE option_contract_lifecycle AS life
SET expiry_collected = true
FROM option_chains AS contract
WHERE contract.id = life.contract_id
    AND contract.underlying_id = $1::integer
    AND contract.expiration_date = $2::date
    AND NOT life.expiry_collected
    AND life.selected @> $2::date
    AND (
        SELECT count(*)
        FROM request_coverage AS coverage
        WHERE coverage.contract_id = contract.id
            AND coverage.what_to_show = ANY($5::text[])
            AND coverage.settled @> tstzrange($3::timestamptz, $4::timestamptz)
    ) = cardinality($5::text[])
