-- Mark contracts whose last session is settled in every series: $1 underlying id, $2 day, $3 open, $4 close, $5 series.
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
