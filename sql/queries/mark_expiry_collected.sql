-- Mark contracts whose last session is settled in every series; one may expire on a day without a session after it.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
-- $6 series text[]
-- $7 next_day date: of the next session
UPDATE option_contract_lifecycle AS life
SET expiry_collected = true
FROM option_chains AS contract
WHERE contract.id = life.contract_id
    AND contract.underlying_id = $2::integer
    AND contract.expiration_date >= $3::date
    AND contract.expiration_date < $7::date
    AND NOT life.expiry_collected
    AND life.selected @> $3::date
    AND (
        SELECT count(*)
        FROM request_coverage AS coverage
        WHERE coverage.instrument_id = contract.id
            AND coverage.data_set = $1::smallint
            AND coverage.what_to_show = ANY($6::text[])
            AND coverage.settled @> tstzrange($4::timestamptz, $5::timestamptz)
    ) = cardinality($6::text[])
